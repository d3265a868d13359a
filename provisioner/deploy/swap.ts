import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import { applyChange } from "../apply/change.ts";
import { readBoot } from "../aws/boot-records.ts";
import type { InstanceSeen } from "../aws/instances.ts";
import { secretsOf } from "../boots/console.ts";
import { followBoot } from "../boots/follow.ts";
import { type ConfigurationChange, withTarget } from "../plan/configuration.ts";
import { servesCandidate } from "./candidate.ts";
import { checkFromOutside } from "./check.ts";
import { recover } from "./recover.ts";
import { lookAtScene, requireFleet } from "./scene.ts";
import type { Session } from "./session.ts";

/**
 * The order of a swap (DESIGN §9): new before old. The new instance comes up with the release and takes the site over;
 * the old one forwards what still reaches it; only then does it go. Whatever is thrown on the way, underLock removes
 * the new one and leaves the old one.
 * @param timeout seconds for the new instance to have the site. @param change of what the fleet launches, if any
 * comes with it. @returns the new owner.
 */
export async function swap(
  session: Session,
  release: string,
  timeout: number,
  change?: ConfigurationChange,
): Promise<string> {
  const launched = await launchSecond(session, change);
  const owner = await takesOver(session, release, launched, timeout);
  await oldForwards(session, owner);
  await oldGoes(session, release);
  await checkFromOutside(session, owner, release);
  return owner;
}

/** Seconds for the old instance to notice that it was replaced and to begin forwarding; it looks every second. */
const FORWARD_SECONDS = 30;
/** How often the bucket is looked at for it; EC2, whether it is there at all, at every fifth look. */
const FORWARD_EVERY_SECONDS = 0.5;
const FORWARD_LOOKS = 5;
/** Seconds after which EC2 shows what has ended as ended. */
const SETTLES_SECONDS = 10;
/** Clocks differ; a fleet's events are asked for from a little before. */
const EARLIER_MS = 60_000;

interface Launched {
  fleet: string;
  since: Date;
  /** Instances that were there before. */
  before: ReadonlySet<string>;
}

/** What the fleet launches and how many: in one call, because a fleet that is being changed takes no second change. */
async function launchSecond(session: Session, change: ConfigurationChange | undefined): Promise<Launched> {
  const { aws, config, tools, step, old } = session;
  const since = new Date(tools.clock.now() - EARLIER_MS);
  const { id: fleet } = await requireFleet(aws, config.site);
  const alive = await aliveNow(session);
  // Neither one that bridges at the on-demand price is a member, nor one of a fleet that was replaced: they stay until
  // the new one has the site.
  const target = alive.filter((i) => i.fleet === fleet).length + 1;
  if (change !== undefined && change.actions.length > 0) {
    await step("apply the configuration", () => applyChange(withTarget(change, target), aws, tools));
  }
  await step("launch a second instance", async (detail) => {
    await aws.fleets.change(fleet, { total: target });
    detail(`target ${target}`);
  });
  return { fleet, since, before: new Set([...alive.map((i) => i.id), ...(old === undefined ? [] : [old])]) };
}

/**
 * One that EC2 shows beside the owner may be of the swap before, and have ended: EC2's API is eventually consistent, and
 * one too many here would launch one too many.
 */
async function aliveNow({ aws, tools, signal, old }: Session): Promise<InstanceSeen[]> {
  const look = async () => (await aws.instances.look(old)).filter((i) => i.alive);
  const alive = await look();
  if (!alive.some((i) => i.id !== old)) return alive;
  await tools.clock.sleep(SETTLES_SECONDS * 1000, signal);
  return look();
}

const takesOver = (
  { aws, config, tools, signal, step }: Session,
  release: string,
  launched: Launched,
  seconds: number,
): Promise<string> =>
  step(`boot with ${release}`, async (detail) => {
    const { say, warn } = tools.terminal;
    const judge = servesCandidate(aws, { release, fleet: launched.fleet, seconds, signal });
    const secrets = secretsOf(config);
    const following = { ...launched, secrets, seconds, clock: tools.clock, signal, say, warn };
    const { instance } = await followBoot(aws, following, judge);
    detail(`${instance} has the site`);
    return instance;
  });

async function oldForwards(session: Session, owner: string): Promise<void> {
  const { config, tools, signal, step, old } = session;
  if (old === undefined || old === owner) return;
  const began = await step("hand over", async (detail) => {
    detail(await forwarding(session, old));
    return tools.clock.now();
  });
  const { drain } = config.dns;
  await step(`let ${old} forward for ${drain} s`, () =>
    tools.clock.sleep(Math.max(0, began + drain * 1000 - tools.clock.now()), signal),
  );
}

/** @returns what became of the old instance, for a person. */
async function forwarding({ aws, tools, signal }: Session, old: string): Promise<string> {
  let looks = 0;
  try {
    return await poll(
      `${old} does not forward`,
      async () => {
        if (looks++ % FORWARD_LOOKS === 0) {
          const alive = (await aws.instances.look(old)).some((i) => i.alive && i.id === old);
          if (!alive) return { done: `${old} is gone already` };
        }
        const boot = await readBoot(aws, old);
        return boot?.state === "forwarding"
          ? { done: `${old} forwards` }
          : { waiting: boot?.state ?? "no boot record" };
      },
      { seconds: FORWARD_SECONDS, everySeconds: FORWARD_EVERY_SECONDS, clock: tools.clock, signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EverspotError)) throw error;
    tools.terminal.warn(`${error.message}; visitors who still reach it are served by the old release`);
    return `${old} goes on serving by itself`;
  }
}

/** Everything older goes, after the target, which alone ends no instance. */
const oldGoes = ({ aws, tools, signal, step, old }: Session, release: string): Promise<void> =>
  step("one instance again", async (detail) => {
    const left = { kind: "swap" as const, release, old };
    await recover(aws, left, { clock: tools.clock, progress: tools.terminal, drain: 0, signal });
    const { instances, fleets } = await lookAtScene(aws);
    const alive = instances.filter((i) => i.alive).map((i) => i.id);
    detail(`${alive.join(", ")}, target ${fleets.find((f) => !f.bridge)?.target}`);
  });
