/** An instance on the test's own machine: the local S3 and Route 53, releases unpacked for real, and apps that are servers here. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { createZone } from "../../../agent/aws/route53.ts";
import type { ServedCertificate } from "../../../agent/certificate/context.ts";
import type { Identity } from "../../../agent/identity/identity.ts";
import type { Host } from "../../../agent/machine/host.ts";
import type { Machine } from "../../../agent/machine/machine.ts";
import { isInMaintenance, layOutMaintenance } from "../../../agent/machine/maintenance.ts";
import { createAlerts } from "../../../agent/notify/alerts.ts";
import type { Notice, Notify } from "../../../agent/notify/notify.ts";
import { Packages } from "../../../agent/packages/ensure.ts";
import type { StateKeeper } from "../../../agent/ports/state.ts";
import { BootRecorder } from "../../../agent/record/recorder.ts";
import { Candidates } from "../../../agent/release/candidates.ts";
import { runningRelease } from "../../../agent/release/running.ts";
import { askHealth } from "../../../agent/serving/health.ts";
import { type Channel, channelDocument } from "../../../agent/site/channel.ts";
import type { Clock } from "../../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { keys } from "../../../agent/site/names.ts";
import { Rounds } from "../../../agent/system/rounds.ts";
import { Route53 } from "../../cloud/route53.ts";
import { bootConfigOf } from "../boot-config.ts";
import { TestFleet } from "../handover/fleet.ts";
import { rawZip } from "../release/unzip-zips.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";
import { Apps } from "./apps.ts";

export const DOMAIN = "blog.example";
export const FLEET = "fleet-1";

export const identityOf = (instance: string): Identity => ({
  ...{ instance, type: "t3.micro", image: "ami-01234567", zone: "us-east-1a", lifeCycle: "spot" },
  ...{ address: "203.0.113.1", privateAddress: "127.0.0.1" },
});

/** A certificate as a boot has it served. */
export const stored: ServedCertificate = {
  ...{ key: "/k", fullchain: "/c", names: [DOMAIN], issuer: "Small CA 1", serial: "aa" },
  ...{ notBefore: new Date(0), notAfter: new Date(4e12), source: "stored", changed: true, warnings: [] },
};

export class TestInstance {
  readonly apps: Apps;
  readonly local: LocalS3;
  readonly fleet = new TestFleet();
  readonly notices: Notice[] = [];
  /** What was asked of the machine, in order. */
  readonly done: string[] = [];
  rounds = new Rounds();
  /** Answers of the metadata service below /latest/. */
  readonly metadata = new Map<string, string>();
  /** What a visitor's request fails with, other than the app's own answer. */
  frontDoor: Error | undefined;
  certificate: (first: "now" | "later") => Promise<ServedCertificate> = async () => stored;
  secrets: () => Promise<Record<string, string>> = async () => ({ TOKEN: "s3cret" });
  readonly #route53: Route53Client;
  readonly #zone: string;

  /** What keeps the state of a site that has some. */
  state: StateKeeper | undefined;

  private constructor(apps: Apps, local: LocalS3, route53: Route53Client, zone: string) {
    this.apps = apps;
    this.local = local;
    this.#route53 = route53;
    this.#zone = zone;
  }

  /** @param now of the bucket's clock. */
  static async open(now: () => number = Date.now): Promise<TestInstance> {
    const local = await startS3({ now });
    new Route53(local.server, {});
    const route53 = new Route53Client({ endpoint: local.server.endpoint });
    const made = await route53.send(new CreateHostedZoneCommand({ Name: DOMAIN, CallerReference: "1" }));
    return new TestInstance(
      await Apps.open(),
      local,
      route53,
      (made.HostedZone?.Id ?? "").replace("/hostedzone/", ""),
    );
  }

  async close(): Promise<void> {
    await this.apps.close();
    this.#route53.destroy();
    await this.local.close();
  }

  /** Puts a release into the bucket. */
  async publish(id: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
    const files = { "wsgi.py": `release = "${id}"\n`, ".everspot/python/gunicorn/__init__.py": "", ...more };
    const zip = rawZip(Object.entries(files).map(([name, data]) => ({ name, data, mode: 0o100644 })));
    const sha256 = createHash("sha256").update(zip).digest("hex");
    await this.local.store.put(keys.releaseZip(id), zip);
    const manifest = {
      ...{ version: 1, id, counter: 1, created: "2026-11-21T00:00:00.000Z", sha256, size: zip.length },
      ...{ unpackedSize: 30, files: Object.keys(files).length, bytecode: true },
    };
    await this.local.store.put(keys.releaseManifest(id), JSON.stringify(manifest));
  }

  async setChannel(fields: Partial<Channel>): Promise<void> {
    await updateDocument(this.local.store, channelDocument, () => ({
      ...{ version: 1 as const, counter: 2, quarantined: [] },
      ...fields,
    }));
  }

  channel = async () => (await readDocument(this.local.store, channelDocument)).value;
  site = async () => (await readDocument(this.local.store, siteDocument)).value;
  address = async () => (await this.zone.find(DOMAIN, "A"))?.values;

  get zone() {
    return createZone(this.#route53, this.#zone);
  }

  /** An agent that was started just now, on this machine. */
  agent(clock: Clock, instance: string, config = bootConfigOf({ domain: DOMAIN, app: { timeout: 1 } })) {
    const { apps, fleet } = this;
    const { store } = this.local;
    const identity = identityOf(instance);
    const notify: Notify = async (notice) => void this.notices.push(notice);
    const host: Host = {
      apps: async () => ({
        ...{
          units: apps.units,
          patience: machine.patience,
          config,
          uid: 0,
          gid: 0,
          links: apps.links,
          socketOf: apps.socketOf,
        },
        environment: join(apps.folder, "environment"),
        static: join(apps.folder, "static"),
        unitFiles: join(apps.folder, "units"),
        kept: apps.kept,
      }),
      isolate: async (...uids) => `user ${uids.join(" and ")} cannot reach the metadata service`,
      running: () => runningRelease(apps.units, apps.links, config),
      earlierStatic: async () => "none to bring",
      keepStatic: async () => "none",
      open: async ({ source }) => {
        this.done.push(`open ${source}${(await host.inMaintenance()) ? " in maintenance" : ""}`);
        return "started";
      },
      maintain: (state) => layOutMaintenance(apps.maintenance, state),
      inMaintenance: () => isInMaintenance(apps.maintenance),
      renew: async ({ source }, hurry) => void this.done.push(`renew ${source}${hurry ? " in a hurry" : ""}`),
      ask: () => askHealth({ link: apps.links.socket }, config.app.health, config.domain),
      probe: async () => {
        if (this.frontDoor !== undefined) throw this.frontDoor;
        const { ok, seen } = await host.ask();
        if (!ok) throw new Error(seen);
        return { milliseconds: 1, distrust: undefined };
      },
      servedSerial: async () => "aa",
    };
    const machine: Machine = {
      ...{
        config,
        identity,
        clock,
        patience: { now: () => clock.now(), sleep: (...how) => clock.sleep(...how), slowness: () => 1 },
        // It owes more than it earns in an hour.
        processor: { time: () => ({ busy: 1e6, stolen: 0 }), age: () => 0 },
        creditMode: { standard: async () => void this.done.push("standard credits") },
        rounds: this.rounds,
        store,
        host,
        logs: {
          run: async (signal) => {
            this.done.push("the log begins");
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
            this.done.push("the log ends");
          },
          hurry: () => void this.done.push("hurry the log"),
        },
        units: apps.units,
        zone: this.zone,
        peers: fleet,
      },
      state: this.state,
      metadata: { get: async (path) => this.metadata.get(path) },
      secrets: { read: () => this.secrets() },
      runSecrets: { read: async () => ({}) },
      transient: () => {
        throw new Error("nobody asks for a command here");
      },
      lasting: async ({ unit }) => void this.done.push(`begin ${unit}`),
      fleet,
      launches: {
        version: async () => 1,
        launchBy: async () => {},
        hasImage: async () => true,
        imageCreated: async () => undefined,
      },
      platform: { python: "3.13", arch: "x86_64" },
      disk: { releases: join(apps.folder, "releases"), unflushed: join(apps.folder, "unflushed") },
      candidates: new Candidates(store, clock),
      notify,
      alerts: createAlerts({ store, notify, clock, onTrouble: () => {} }),
      tryNotify: async () => [],
      gauges: {
        disk: async () => 10,
        killed: async () => 0,
        answers: async () => ({ all: 0, failed: 0 }),
      },
      packages: new Packages({
        // Everything is installed.
        debian: {
          missing: async () => [],
          offers: async () => [],
          download: never,
          pack: never,
          check: never,
          install: never,
        },
        ...{ store, clock, instance, image: identity.image, arch: "x64", inherited: false },
        trial: async () => false,
        marks: join(apps.folder, "marks"),
        folder: join(apps.folder, "packages"),
      }),
      certificate: (first) => this.certificate(first),
      certificates: {
        ...{ store, clock, config, instance, process: "p", folder: join(apps.folder, "certificates") },
        logger: { info: () => {}, warn: () => {} },
        authority: {
          left: async () => undefined,
          restore: async () => {},
          order: async () => ({
            ...{ outcome: "failed", error: "the CA is down", lines: [], retryAfter: undefined },
          }),
        },
      },
    };
    const recorder = new BootRecorder({
      ...{ store, site: "blog", bootId: "b", agent: "a".repeat(64), started: clock.now(), before: [], clock },
    });
    return { machine, recorder };
  }
}

const never = async (): Promise<never> => {
  throw new Error("nobody asks for this here");
};
