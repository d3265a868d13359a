import type { Clock } from "../../agent/site/clock.ts";
import { readDocument } from "../../agent/site/document.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { type Look, poll } from "../../agent/site/poll.ts";
import { type BootRecord, siteDocument } from "../../agent/site/records.ts";
import type { Aws } from "../aws/connect.ts";
import type { InstanceSeen } from "../aws/instances.ts";
import { readBoot } from "../boots/follow.ts";
import { describeBoot, newsOf, tellNews } from "../boots/progress.ts";

export interface FollowCandidateOptions {
  fleet: string;
  /** What the new instance is to serve. */
  release: string;
  /** Instances that were there before. */
  before: ReadonlySet<string>;
  since: Date;
  /** Seconds until giving up. */
  seconds: number;
  clock: Clock;
  signal: AbortSignal;
  say: (text: string) => void;
  warn: (text: string) => void;
}

/** The release did not make it. `blame`: why it is bad itself; undefined when something else was in the way. */
export class NotServed extends EverspotError {
  readonly blame: string | undefined;

  constructor(
    message: string,
    blame: string | undefined,
    more: ConstructorParameters<typeof EverspotError>[1],
  ) {
    super(message, more);
    this.blame = blame;
  }
}

/** How long the fleet may look for an instance after AWS said why there is none. */
const CAPACITY_PATIENCE = 120;
/** Only says that several launches failed; the events before it say why. */
const SUMMARY = /^allLaunchSpecs/;
/** Boots that may fail for something that is not the release's fault. */
const ATTEMPTS = 2;

/**
 * Follows the instance that the fleet launches beside the one that serves, telling each step, until it has the site
 * with the wanted release. One that AWS takes meanwhile is replaced by the fleet, and the next is followed.
 * @throws NotServed: with the failed step, its hint and last lines; AWS's reason when no instance comes.
 */
export async function followCandidate(aws: Aws, options: FollowCandidateOptions): Promise<BootRecord> {
  const { clock, release, say, warn } = options;
  const began = clock.now();
  const told = new Set<string>();
  let instance: InstanceSeen | undefined;
  let record: BootRecord | undefined;

  const look = async (): Promise<Look<BootRecord>> => {
    const newest = (await aws.instances.look()).find((i) => i.alive && !options.before.has(i.id));
    if (newest?.id !== instance?.id) {
      if (instance !== undefined) warn(`${instance.id} is gone`);
      if (newest !== undefined) say(`  ${newest.id} (${newest.type} in ${newest.zone}) was launched`);
      instance = newest;
      record = undefined;
    }
    if (instance === undefined) return noInstance();
    const found = await readBoot(aws, instance.id);
    if (found === undefined)
      return { waiting: `${instance.id} is ${instance.state}, its agent not heard of yet` };
    tellNews(newsOf(record, found), { say, warn });
    record = found;
    if (found.state === "failed") judgeFailure(found);
    if (found.state === "standby") throw standsBy(found);
    if (found.state !== "serving") return { waiting: `${found.instance}: ${describeBoot(found)}` };
    if (found.release !== release) throw servesAnother(found);
    const { value: site } = await readDocument(aws.store, siteDocument);
    if (site?.owner === found.instance && site.state === "serving") return { done: found };
    return { waiting: `${found.instance} serves, and ${site?.owner ?? "nobody"} has the site` };
  };

  const noInstance = async (): Promise<Look<BootRecord>> => {
    const events = (await aws.fleets.history(options.fleet, options.since)).filter((e) => e.failure);
    for (const { message } of events) {
      if (!told.has(message)) warn(`AWS: ${message}`);
      told.add(message);
    }
    const last = events.findLast((e) => !SUMMARY.test(e.kind)) ?? events.at(-1);
    if (last !== undefined && clock.now() - began >= CAPACITY_PATIENCE * 1000) {
      throw new NotServed(`no instance came: ${last.message}`, undefined, {
        resource: options.fleet,
        lines: [...told],
        hint: "deploy again later, add more instance types to [fleet] types, or use --in-place, which needs none",
        retry: "retry",
      });
    }
    return { waiting: last === undefined ? "the fleet has launched no instance yet" : last.message };
  };

  const at = (found: BootRecord) => `${aws.store.url}/${keys.boot(found.instance)}`;

  const judgeFailure = (found: BootRecord) => {
    if (found.blame === undefined && found.attempt < ATTEMPTS) return;
    const failed = found.steps.filter((s) => s.state === "failed");
    // The others were only stopped because of it.
    const step = failed.find((s) => !s.error?.startsWith("stopped: ")) ?? failed[0];
    throw new NotServed(
      `${release} does not come up on ${found.instance}: ${step?.name ?? "boot"} failed: ${step?.error ?? found.blame ?? ""}`,
      found.blame,
      {
        resource: at(found),
        lines: step?.lines ?? [],
        hint: step?.hint ?? "put it right and deploy again; the site is served as before",
      },
    );
  };

  const standsBy = (found: BootRecord) =>
    new NotServed(`${found.instance} serves, but another instance took the site`, undefined, {
      resource: at(found),
      hint: "deploy again; `everspot status` shows who has the site",
      retry: "retry",
    });

  const servesAnother = (found: BootRecord) =>
    new NotServed(`${found.instance} serves ${found.release ?? "nothing"} instead of ${release}`, undefined, {
      resource: at(found),
      lines: found.warnings,
    });

  try {
    return await poll(`${release} is not served`, look, {
      seconds: options.seconds,
      everySeconds: 1,
      clock,
      signal: options.signal,
      hint: "the site is served as before; deploy again, with a longer --timeout if the boot just takes long",
    });
  } catch (error) {
    throw tooLate(error, record);
  }

  /** A release whose own code was running when the time was up is taken for bad. */
  function tooLate(error: unknown, last: BootRecord | undefined): unknown {
    if (!(error instanceof EverspotError) || error instanceof NotServed || options.signal.aborted)
      return error;
    const running = last?.steps.find((s) => s.state === "running" && OWN_CODE.has(s.name));
    const { message, hint, retry } = error;
    return new NotServed(message, running && `${running.name} did not end in ${options.seconds} s`, {
      ...(hint === undefined ? {} : { hint }),
      retry,
      lines: running?.lines ?? [],
      cause: error,
    });
  }
}

/** Steps of a boot that run the release's own code. */
const OWN_CODE = new Set(["prepare", "app", "healthy"]);
