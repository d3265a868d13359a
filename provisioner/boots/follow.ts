import type { Clock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { type Look, poll } from "../../agent/site/poll.ts";
import { type BootRecord, bootRecord } from "../../agent/site/records.ts";
import type { Aws } from "../aws/connect.ts";
import type { InstanceSeen } from "../aws/instances.ts";
import { describeBoot, newsOf, tellNews } from "./progress.ts";

export interface FollowOptions {
  fleet: string;
  /** When what is followed began: older events and boots of other instances do not count. */
  since: Date;
  /** Seconds until giving up. */
  seconds: number;
  clock: Clock;
  say: (text: string) => void;
  warn: (text: string) => void;
}

/** Between two looks at EC2 and the bucket. */
const EVERY_SECONDS = 1;
/** How long the fleet may look for an instance after AWS said why there is none. */
const CAPACITY_PATIENCE = 120;
/** Only says that several launches failed; the events before it say why. */
const SUMMARY = /^allLaunchSpecs/;
/** A boot tries again by itself; the same step failing twice is not going to work. */
const ATTEMPTS = 2;

/**
 * Watches the fleet launch an instance and the instance boot, telling each step as it ends, until it serves.
 * @throws EverspotError with the failed step, its hint and last lines; with AWS's reason when no instance comes;
 *   at the deadline with the last state seen.
 */
export async function followBoot(aws: Aws, options: FollowOptions): Promise<BootRecord> {
  const told = new Set<string>();
  const once = (key: string, tell: () => void) => {
    if (told.has(key)) return;
    told.add(key);
    tell();
  };
  const began = options.clock.now();
  let instance: InstanceSeen | undefined;
  let record: BootRecord | undefined;
  let failures: { step: string; attempt: number }[] = [];

  const look = async (): Promise<Look<BootRecord>> => {
    const newest = (await aws.instances.look()).find((i) => i.alive);
    if (newest?.id !== instance?.id) {
      if (instance !== undefined) options.warn(`${instance.id} is gone`);
      if (newest !== undefined) options.say(`  ${newest.id} (${newest.type} in ${newest.zone}) was launched`);
      instance = newest;
      record = undefined;
      failures = [];
    }
    if (instance === undefined) return noInstance();
    const found = await readBoot(aws, instance.id);
    if (found === undefined)
      return { waiting: `${instance.id} is ${instance.state}, its agent not heard of yet` };
    tell(found);
    record = found;
    if (found.state === "serving" || found.state === "standby") return { done: found };
    if (found.state === "failed") giveUpOnRepeat(found);
    return { waiting: `${found.instance}: ${describeBoot(found)}` };
  };

  const noInstance = async (): Promise<Look<BootRecord>> => {
    const events = (await aws.fleets.history(options.fleet, options.since)).filter((e) => e.failure);
    for (const event of events) once(event.message, () => options.warn(`AWS: ${event.message}`));
    const last = events.findLast((e) => !SUMMARY.test(e.kind)) ?? events.at(-1);
    if (last !== undefined && options.clock.now() - began >= CAPACITY_PATIENCE * 1000)
      throw noCapacity(last.message);
    return { waiting: last === undefined ? "the fleet has launched no instance yet" : last.message };
  };

  const noCapacity = (reason: string) =>
    new EverspotError(`no instance came: ${reason}`, {
      resource: options.fleet,
      lines: [...told],
      hint: "the fleet goes on trying; add more instance types to [fleet] types, which widens the choice, and run `everspot up` again",
      retry: "retry",
    });

  const tell = (found: BootRecord) => {
    const { warnings, ...news } = newsOf(record, found);
    tellNews({ ...news, warnings: [] }, options);
    for (const warning of warnings) once(`${found.instance} ${warning}`, () => options.warn(warning));
  };

  const giveUpOnRepeat = (found: BootRecord) => {
    const step = found.steps.find((s) => s.state === "failed");
    if (step === undefined) return;
    if (!failures.some((f) => f.attempt === found.attempt)) {
      failures.push({ step: step.name, attempt: found.attempt });
    }
    if (failures.filter((f) => f.step === step.name).length < ATTEMPTS && found.attempt <= ATTEMPTS) return;
    throw new EverspotError(`${found.instance} does not come up: ${step.name} failed: ${step.error ?? ""}`, {
      resource: `${aws.store.url}/${keys.boot(found.instance)}`,
      lines: step.lines ?? [],
      hint: step.hint ?? "put it right and run `everspot up` again; the instance goes on trying by itself",
    });
  };

  return poll("the site does not serve", look, {
    seconds: options.seconds,
    everySeconds: EVERY_SECONDS,
    clock: options.clock,
    hint: "`everspot status` shows how the boot goes on",
  });
}

/** Undefined while there is none, or when it is not of a form this everspot knows. */
export async function readBoot(aws: Pick<Aws, "store">, instance: string): Promise<BootRecord | undefined> {
  const found = await aws.store.get(keys.boot(instance));
  if (found === undefined) return undefined;
  try {
    const parsed = bootRecord.safeParse(JSON.parse(new TextDecoder().decode(found.body)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
