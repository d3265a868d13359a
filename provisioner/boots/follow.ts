import type { BootRecord } from "../../agent/site/boot-record.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { type Look, poll } from "../../agent/site/poll.ts";
import { readBoot } from "../aws/boot-records.ts";
import type { Aws } from "../aws/connect.ts";
import { isPassing } from "../aws/errors.ts";
import type { InstanceSeen } from "../aws/instances.ts";
import { consoleTail } from "./console.ts";
import { describeBoot, newsOf, tellNews } from "./progress.ts";
import type { RefusedProfile } from "./refused-profile.ts";

export interface FollowOptions {
  fleet: string;
  /** Older events of the fleet do not count. */
  since: Date;
  /** Instances that were there before, and are not followed. */
  before?: ReadonlySet<string>;
  /** What was known of their boots: it is no news. */
  known?: readonly BootRecord[];
  /** Seconds until giving up. */
  seconds: number;
  clock: Clock;
  signal?: AbortSignal;
  /** Asked where the fleet met an instance profile that EC2 did not know yet. */
  refused?: RefusedProfile;
  /** Known here, and not to be shown with what the instance printed. */
  secrets?: readonly string[];
  say: (text: string) => void;
  warn: (text: string) => void;
}

/** Decides when a boot has been followed far enough. */
export interface Judge {
  /** What to say and what to do when the time is up. */
  waitsFor: { what: string; hint: string };
  /**
   * Asked at every look. @returns the boot record once it is what was waited for; what is there instead, where that
   * says more than that itself; undefined to go on. @throws when waiting longer is of no use.
   */
  judge(boot: BootRecord): Look<BootRecord> | undefined | Promise<Look<BootRecord> | undefined>;
  /** @param reason AWS's. @param said everything it said. */
  noInstance(reason: string, said: string[]): EverspotError;
  /** The error to end with, given the last boot record of the instance that was followed; the original one if not given. */
  ended?(error: unknown, boot: BootRecord | undefined): unknown;
}

/** Between two looks at EC2 and the bucket; and where there has been no instance, or no word from it, for a while. */
const EVERY_SECONDS = 1;
const RARELY_SECONDS = 5;
const A_WHILE_SECONDS = 60;
/** Seconds for which EC2, eventually consistent, may not show the instance that is followed. */
const UNSEEN_SECONDS = 10;
/** Seconds without a word from an instance after which its console is shown, and between two questions for it. */
const SILENT_SECONDS = 180;
const CONSOLE_EVERY_SECONDS = 60;
/** How long the fleet may keep looking for an instance after AWS has said why there is none. */
const CAPACITY_PATIENCE = 120;
/** EC2 did not know the new profile yet: see RefusedProfile. */
const PASSES = /Invalid IAM Instance Profile/i;
/** Only says that several launches failed; the events before it say why. */
const SUMMARY = /^allLaunchSpecs/;

/** A look that failed, but the next may not. */
class Passing extends Error {}

const patient = <T>(read: Promise<T>): Promise<T> =>
  read.catch((error: unknown) => {
    throw isPassing(error) ? new Passing(error.message) : error;
  });

/** The error of a boot that no boot record tells of, with what the instance printed. */
async function withConsole(
  aws: Aws,
  instance: string,
  error: unknown,
  { secrets }: FollowOptions,
): Promise<unknown> {
  if (!(error instanceof EverspotError) || error.lines.length > 0) return error;
  const { message, resource, hint, retry, exitCode, cause } = error;
  const tail = await consoleTail(aws, instance, secrets);
  const lines =
    tail.length === 0
      ? [`(EC2 has no console output of ${instance} yet)`]
      : [`${instance}'s console:`, ...tail];
  return new EverspotError(message, { resource, hint, retry, exitCode, cause, lines });
}

/**
 * Watches the fleet launch an instance and the instance boot, reporting each step as it ends, until the judge is
 * satisfied. If AWS takes the instance meanwhile, the fleet replaces it, and the next one is followed.
 * @throws EverspotError: the judge's; at the deadline with the last state seen.
 */
export async function followBoot(aws: Aws, options: FollowOptions, judge: Judge): Promise<BootRecord> {
  const { fleet, since, before, known, seconds, clock, signal, refused, secrets, say, warn } = options;
  const began = clock.now();
  const awsSaid = new Set<string>();
  const warned = new Set<string>();
  let instance: InstanceSeen | undefined;
  let record: BootRecord | undefined;
  let lastShown = Number.NEGATIVE_INFINITY;
  let consoleAt = Number.POSITIVE_INFINITY;
  let newsAt = began;

  const look = async (): Promise<Look<BootRecord>> => {
    try {
      return await lookOnce();
    } catch (error) {
      if (error instanceof Passing) return { waiting: error.message };
      throw error;
    }
  };

  const lookOnce = async (): Promise<Look<BootRecord>> => {
    const all = await patient(aws.instances.look());
    const shown = all.some((i) => i.id === instance?.id);
    if (shown) lastShown = clock.now();
    const newest =
      instance !== undefined && !shown && clock.now() - lastShown < UNSEEN_SECONDS * 1000
        ? instance
        : all.find((i) => i.alive && before?.has(i.id) !== true);
    if (newest?.id !== instance?.id) {
      if (instance !== undefined) warn(`${instance.id} is gone`);
      instance = newest;
      record = known?.find((boot) => boot.instance === newest?.id);
      if (newest !== undefined && record === undefined)
        say(`  ${newest.id} (${newest.type} in ${newest.zone}) was launched`);
      lastShown = newsAt = clock.now();
      consoleAt = clock.now() + SILENT_SECONDS * 1000;
    }
    if (instance === undefined) return noInstance();
    const found = await patient(readBoot(aws, instance.id));
    if (found === undefined) {
      if (clock.now() >= consoleAt) await showConsole(instance.id);
      return { waiting: `${instance.id} is ${instance.state}, with no word from its agent yet` };
    }
    tell(found);
    record = found;
    newsAt = clock.now();
    return (await judge.judge(found)) ?? { waiting: `${found.instance}: ${describeBoot(found)}` };
  };

  const showConsole = async (id: string) => {
    const lines = await consoleTail(aws, id, secrets);
    consoleAt = clock.now() + CONSOLE_EVERY_SECONDS * 1000;
    if (lines.length === 0) return;
    consoleAt = Number.POSITIVE_INFINITY;
    warn(`no word from the agent of ${id} for ${SILENT_SECONDS} s; the end of its console:`);
    for (const line of lines) say(`    ${line}`);
  };

  const noInstance = async (): Promise<Look<BootRecord>> => {
    const events = (await patient(aws.fleets.history(fleet, since))).filter((e) => e.failure);
    for (const { message } of events) {
      if (!awsSaid.has(message)) warn(`AWS: ${message}`);
      awsSaid.add(message);
    }
    const last = events.findLast((e) => !SUMMARY.test(e.kind)) ?? events.at(-1);
    const passes = last !== undefined && PASSES.test(last.message);
    const refusals = events.filter((e) => PASSES.test(e.message)).length;
    const version = await patient(refused?.met(fleet, refusals) ?? Promise.resolve(undefined));
    if (version !== undefined) say(`  launching by version ${version} of the launch template, for that`);
    if (last !== undefined && !passes && clock.now() - began >= CAPACITY_PATIENCE * 1000)
      throw judge.noInstance(last.message, [...awsSaid]);
    return { waiting: last === undefined ? "the fleet has launched no instance yet" : last.message };
  };

  const tell = (found: BootRecord) => {
    const news = newsOf(record, found);
    const warnings = news.warnings.filter((w) => !warned.has(`${found.instance} ${w}`));
    for (const warning of warnings) warned.add(`${found.instance} ${warning}`);
    tellNews({ ...news, warnings }, { say, warn });
  };

  try {
    return await poll(judge.waitsFor.what, look, {
      ...{ seconds, clock, hint: judge.waitsFor.hint, signal },
      everySeconds: () => (clock.now() - newsAt < A_WHILE_SECONDS * 1000 ? EVERY_SECONDS : RARELY_SECONDS),
    });
  } catch (error) {
    const silent = record === undefined && signal?.aborted !== true ? instance?.id : undefined;
    const explained = silent === undefined ? error : await withConsole(aws, silent, error, options);
    throw judge.ended === undefined ? explained : judge.ended(explained, record);
  }
}
