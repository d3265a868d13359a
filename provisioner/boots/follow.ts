import type { BootRecord } from "../../agent/site/boot-record.ts";
import type { Clock } from "../../agent/site/clock.ts";
import type { EverspotError } from "../../agent/site/errors.ts";
import { type Look, poll } from "../../agent/site/poll.ts";
import type { Aws } from "../aws/connect.ts";
import type { InstanceSeen } from "../aws/instances.ts";
import { describeBoot, newsOf, tellNews } from "./progress.ts";
import { readBoot } from "./read.ts";

export interface FollowOptions {
  fleet: string;
  /** Older events of the fleet do not count. */
  since: Date;
  /** Instances that are not followed: they were there before. */
  before?: ReadonlySet<string>;
  /** What was known of their boots: it is no news. */
  known?: readonly BootRecord[];
  /** Seconds until giving up. */
  seconds: number;
  clock: Clock;
  signal?: AbortSignal;
  say: (text: string) => void;
  warn: (text: string) => void;
}

/** What a boot is followed for. */
export interface Judge {
  /** What did not happen when the time is up, and what to do then. */
  waitsFor: { what: string; hint: string };
  /**
   * Asked at every look. @returns the record once it is what was waited for; what there is instead, where that is
   * more than the record says by itself; undefined to go on. @throws when it will not become that by waiting.
   */
  judge(boot: BootRecord): Look<BootRecord> | undefined | Promise<Look<BootRecord> | undefined>;
  /** @param reason AWS's. @param said all it said. */
  noInstance(reason: string, said: string[]): EverspotError;
  /** What ends the following, given the last record of the instance that was followed; as it is if not given. */
  ended?(error: unknown, boot: BootRecord | undefined): unknown;
}

/** Between two looks at EC2 and the bucket. */
const EVERY_SECONDS = 1;
/** How long the fleet may look for an instance after AWS said why there is none. */
const CAPACITY_PATIENCE = 120;
/** Only says that several launches failed; the events before it say why. */
const SUMMARY = /^allLaunchSpecs/;

/**
 * Watches the fleet launch an instance and the instance boot, telling each step as it ends, until the judge is
 * satisfied. One that AWS takes meanwhile is replaced by the fleet, and the next is followed.
 * @throws EverspotError: the judge's; at the deadline with the last state seen.
 */
export async function followBoot(aws: Aws, options: FollowOptions, judge: Judge): Promise<BootRecord> {
  const { fleet, since, before, known, seconds, clock, signal, say, warn } = options;
  const began = clock.now();
  const awsSaid = new Set<string>();
  const warned = new Set<string>();
  let instance: InstanceSeen | undefined;
  let record: BootRecord | undefined;

  const look = async (): Promise<Look<BootRecord>> => {
    const newest = (await aws.instances.look()).find((i) => i.alive && before?.has(i.id) !== true);
    if (newest?.id !== instance?.id) {
      if (instance !== undefined) warn(`${instance.id} is gone`);
      if (newest !== undefined) say(`  ${newest.id} (${newest.type} in ${newest.zone}) was launched`);
      instance = newest;
      record = known?.find((boot) => boot.instance === newest?.id);
    }
    if (instance === undefined) return noInstance();
    const found = await readBoot(aws, instance.id);
    if (found === undefined)
      return { waiting: `${instance.id} is ${instance.state}, its agent not heard of yet` };
    tell(found);
    record = found;
    return (await judge.judge(found)) ?? { waiting: `${found.instance}: ${describeBoot(found)}` };
  };

  const noInstance = async (): Promise<Look<BootRecord>> => {
    const events = (await aws.fleets.history(fleet, since)).filter((e) => e.failure);
    for (const { message } of events) {
      if (!awsSaid.has(message)) warn(`AWS: ${message}`);
      awsSaid.add(message);
    }
    const last = events.findLast((e) => !SUMMARY.test(e.kind)) ?? events.at(-1);
    if (last !== undefined && clock.now() - began >= CAPACITY_PATIENCE * 1000)
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
      ...{ seconds, everySeconds: EVERY_SECONDS, clock, hint: judge.waitsFor.hint },
      signal,
    });
  } catch (error) {
    throw judge.ended === undefined ? error : judge.ended(error, record);
  }
}
