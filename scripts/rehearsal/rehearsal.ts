import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { execa } from "execa";
import { type BootRecord, bootRecord } from "../../agent/site/boot-record.ts";
import { readDocument } from "../../agent/site/document.ts";
import { type SiteState, siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { bucketName, keys } from "../../agent/site/names.ts";
import { poll } from "../../agent/site/poll.ts";
import { readJson } from "../../agent/site/read-json.ts";
import { createS3Client } from "../../agent/site/s3-client.ts";
import { createS3Store } from "../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import { asAws, playAsAws } from "../../test/cloud/as-aws.ts";
import { type RealCloud, startRealCloud } from "../../test/cloud/real.ts";
import { Meter } from "./meter.ts";
import type { Result } from "./result.ts";
import type { ClientOptions } from "./sample.ts";
import type { RehearsedSite, Table } from "./site.ts";
import { startVisitor, type Visitor } from "./visitors.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
export const CLI = path.join(REPOSITORY, "dist/everspot.mjs");

export interface CommandOutcome {
  exitCode: number;
  seconds: number;
  /** What it printed on stdout, parsed when it is JSON. */
  json: unknown;
  /** What it said on stderr. */
  lines: string[];
}

interface StartOptions {
  result: Result;
  say: (line: string) => void;
  /** Makes the site's folder ready. */
  prepare: (cloud: RealCloud) => Promise<RehearsedSite>;
  /** Besides the local AWS's, for the CLI. */
  env?: NodeJS.ProcessEnv;
  /** Whether everything is as slow and as late as on AWS. */
  asAws?: boolean;
  /** Whether burstable machines have no more processor than they pay for. */
  credits?: boolean | undefined;
}

/** What a site knows of the local AWS that it will be on. */
export const onThis = ({ region, pebble }: RealCloud): Table => ({
  region,
  certificate: { directory: pebble.directory },
});

/** One rehearsal: a site on the local AWS, the shipped CLI, and what was seen. */
export class Rehearsal {
  readonly cloud: RealCloud;
  readonly site: RehearsedSite;
  readonly store: ObjectStore;
  /** Processor time of the machines. */
  readonly meter: Meter;
  /** Whether everything is as slow and as late as on AWS. */
  readonly asAws: boolean;
  readonly #result: Result;
  readonly #visitors: Visitor[] = [];
  readonly #say: (line: string) => void;

  readonly #env: NodeJS.ProcessEnv;

  private constructor(
    cloud: RealCloud,
    site: RehearsedSite,
    options: Pick<StartOptions, "result" | "say" | "env" | "asAws">,
  ) {
    this.cloud = cloud;
    this.asAws = options.asAws ?? false;
    this.meter = new Meter(cloud);
    this.site = site;
    this.#result = options.result;
    this.#say = options.say;
    this.#env = options.env ?? {};
    const bucket = bucketName(site.name, cloud.account, cloud.region);
    this.store = createS3Store(createS3Client({ endpoint: cloud.endpoint, region: cloud.region }), bucket);
  }

  /** Starts the local AWS and puts the site's folder and its hosted zone in place. */
  static async start(options: StartOptions): Promise<Rehearsal> {
    const cloud = await startRealCloud({
      ...(options.asAws ? asAws : { credits: options.credits ?? false }),
      say: options.say,
      // Pebble refuses one good nonce in twenty to try its clients; a site that starts self-signed is not what is rehearsed.
      pebble: { nonceReject: 0 },
    });
    if (options.asAws) playAsAws(cloud);
    try {
      const site = await options.prepare(cloud);
      const route53 = new Route53Client({ endpoint: cloud.endpoint, region: cloud.region });
      await route53.send(new CreateHostedZoneCommand({ Name: site.zone, CallerReference: site.zone }));
      return new Rehearsal(cloud, site, options);
    } catch (error) {
      await cloud.close();
      throw error;
    }
  }

  /** Notes that something happened, on the terminal and in the report. */
  moment(what: string): void {
    this.#result.timeline.push({ at: Date.now(), what });
    this.#say(what);
  }

  /** Notes a problem unless `holds`. */
  check(holds: boolean, what: string): void {
    if (holds) return;
    this.#result.problems.push(`this does not hold: ${what}`);
    this.#say(`PROBLEM: this does not hold: ${what}`);
  }

  pause(seconds: number): Promise<void> {
    return delay(seconds * 1000);
  }

  /** Runs the shipped CLI in the site's folder; what it says on stderr is shown as it comes. */
  cli(
    args: readonly string[],
    seconds: number,
    env: NodeJS.ProcessEnv = {},
    input?: string,
  ): Promise<CommandOutcome> {
    return this.cliOf(CLI, args, seconds, env, input);
  }

  /** As `cli`, with another everspot.mjs. */
  async cliOf(
    program: string,
    args: readonly string[],
    seconds: number,
    env: NodeJS.ProcessEnv = {},
    input?: string,
  ): Promise<CommandOutcome> {
    // What stands behind one of these is another program's.
    const passesOn = ["run", "manage", "shell"].includes(args[0] ?? "");
    const words = passesOn ? ["--json", ...args] : [...args, "--json"];
    return runCommand([program, ...words], {
      cwd: this.site.folder,
      env: { ...this.cloud.env, ...this.#env, ...env },
      ...{ seconds, input, say: this.#say },
    });
  }

  /** A place in the list of calls that the local AWS has had. */
  mark(): number {
    return this.cloud.mark();
  }

  /** Writing calls since a mark, with who made them. */
  writes(mark: number): { operation: string; by: "operator" | "instance" }[] {
    return this.cloud.writes(mark).map((call) => ({
      operation: `${call.service}:${call.operation}`,
      by: call.accessKeyId === this.cloud.env.AWS_ACCESS_KEY_ID ? "operator" : "instance",
    }));
  }

  /** Someone who asks for the site by name. */
  visit(options: Partial<ClientOptions> & { name: string }): Visitor {
    const visitor = startVisitor(
      {
        host: this.site.domain,
        path: this.site.health,
        ca: this.cloud.rootFile,
        dns: "127.0.0.1:53",
        every: 50,
        outstay: 1,
        keepAlive: false,
        http2: false,
        postEvery: 0,
        postPath: "/entries",
        reads: false,
        patience: 10_000,
        ...options,
      },
      this.cloud.env,
    );
    this.#visitors.push(visitor);
    this.#result.visitors.push(visitor);
    return visitor;
  }

  async state(): Promise<SiteState | undefined> {
    return (await readDocument(this.store, siteDocument)).value;
  }

  /** The instance that owns the site. */
  async owner(): Promise<string> {
    const state = await this.state();
    if (state === undefined) throw new EverspotError("the site has no owner");
    return state.owner;
  }

  /** Waits until another instance than `previous` owns the site and serves it; its boot record. */
  async bootOfOwner(previous: string | undefined, seconds = 30): Promise<BootRecord> {
    const record = await poll(
      `an owner other than ${previous}`,
      async () => {
        const state = await this.state();
        if (state === undefined || state.owner === previous || state.state !== "serving") {
          return { waiting: state === undefined ? "no owner" : `${state.owner} is ${state.state}` };
        }
        const boot = await this.boot(state.owner);
        return boot?.state === "serving" ? { done: boot } : { waiting: `${state.owner}: ${boot?.state}` };
      },
      { seconds, everySeconds: 0.2 },
    );
    this.moment(`${record.instance} owns the site (epoch ${record.epoch})`);
    return record;
  }

  async boot(instance: string): Promise<BootRecord | undefined> {
    return readJson(this.store, keys.boot(instance), bootRecord);
  }

  /** Every boot so far, oldest first. */
  async boots(): Promise<BootRecord[]> {
    const listed = await this.store.list(keys.bootPrefix);
    const found = await Promise.all(listed.map(({ key }) => readJson(this.store, key, bootRecord)));
    return found.filter((boot) => boot !== undefined).sort((a, b) => a.started.localeCompare(b.started));
  }

  /** Waits until the first instance has put its packages into the bucket, which it does after it serves. */
  async untilPackagesAreKept(): Promise<void> {
    await poll(
      "the first instance to keep its packages",
      async () => {
        const kept = (await this.store.list("layers/")).some(({ key }) => key.endsWith(".json"));
        return kept ? { done: true } : { waiting: "no layer" };
      },
      { seconds: 60, everySeconds: 0.5 },
    );
  }

  /** Orders that the certificate authority has had. */
  async orders(): Promise<number> {
    return (await this.cloud.pebble.counts()).orders;
  }

  /** What is left in the account that the site made. */
  leftovers(): Promise<string[]> {
    return this.cloud.leftovers();
  }

  /** Ends the visitors and the local AWS with all its machines. */
  async close(): Promise<void> {
    await Promise.all([this.meter.stop(), ...this.#visitors.map((visitor) => visitor.stop())]);
    await this.cloud.close();
  }
}

interface Running {
  cwd: string;
  env: NodeJS.ProcessEnv;
  seconds: number;
  say: (line: string) => void;
  /** On stdin; nothing if not given. */
  input?: string | undefined;
}

/** Runs a script with this Node; what it says on stderr is shown as it comes. */
export async function runCommand(
  args: readonly string[],
  { cwd, env, seconds, say, input }: Running,
): Promise<CommandOutcome> {
  const started = performance.now();
  const child = execa(process.execPath, args, {
    cwd,
    env,
    ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    reject: false,
    timeout: seconds * 1000,
  });
  const lines: string[] = [];
  for await (const line of child.iterable({ from: "stderr" })) {
    lines.push(line);
    say(`  ${line}`);
  }
  const done = await child;
  return {
    exitCode: done.exitCode ?? -1,
    seconds: Math.round((performance.now() - started) / 10) / 100,
    json: parsed(done.stdout),
    lines,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
