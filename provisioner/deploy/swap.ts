import { readDocument } from "../../agent/site/document.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import { siteDocument } from "../../agent/site/records.ts";
import { readBoot } from "../boots/follow.ts";
import { waitUntilReachable } from "../operator/reach.ts";
import { followCandidate } from "./follow-candidate.ts";
import { putInOrder } from "./put-in-order.ts";
import { lookAtScene, requireFleet } from "./scene.ts";
import type { Session } from "./session.ts";

/** Seconds for the old instance to notice that it was replaced and to begin forwarding; it looks every second. */
const FORWARD_SECONDS = 30;
/** Seconds for the site to answer by name in the end. */
const REACH_SECONDS = 60;
/** Seconds for the owner to write down what it serves. */
const RECORD_SECONDS = 15;
/** Clocks differ; a fleet's events are asked for from a little before. */
const EARLIER_MS = 60_000;

/**
 * The swap itself (DESIGN §9): the fleet launches a second instance, which comes up with the release and takes the
 * site over; the first forwards what still comes, and goes. @returns the new owner.
 */
export async function swap(session: Session, release: string, timeout: number): Promise<string> {
  const { aws, config, tools, signal, step, old } = session;
  const { clock, terminal } = tools;
  const { fleet, since, before } = await step("launch a second instance", async (detail) => {
    const since = new Date(clock.now() - EARLIER_MS);
    const { id } = await requireFleet(aws, config.site);
    const alive = (await aws.instances.look()).filter((i) => i.alive);
    // One that bridges at the on-demand price stays until the new one, a spot instance, has the site.
    await aws.fleets.setTarget(id, alive.length + 1, alive.filter((i) => !i.spot).length);
    detail(`target ${alive.length + 1}`);
    return { fleet: id, since, before: new Set(alive.map((i) => i.id)) };
  });

  const boot = await step(`boot with ${release}`, async (detail) => {
    const { say, warn } = terminal;
    const options = { fleet, release, before, since, seconds: timeout, clock, signal, say, warn };
    const record = await followCandidate(aws, options);
    detail(`${record.instance} has the site`);
    return record;
  });

  if (old !== undefined && old !== boot.instance) {
    const began = await step("hand over", async (detail) => {
      detail(await forwarding(session, old));
      return clock.now();
    });
    await step(`let ${old} forward for ${config.dns.drain} s`, () =>
      clock.sleep(Math.max(0, began + config.dns.drain * 1000 - clock.now()), signal),
    );
  }

  // Everything older goes, after the target, which alone ends no instance.
  await step("one instance again", async (detail) => {
    const left = { kind: "swap" as const, release, ...(old === undefined ? {} : { old }) };
    await putInOrder(aws, left, { clock, progress: terminal, drain: 0, signal });
    const { instances, fleet: now } = await lookAtScene(aws);
    const alive = instances.filter((i) => i.alive).map((i) => i.id);
    detail(`${alive.join(", ")}, target ${now?.target}`);
  });
  await checkFromOutside(session, boot.instance, release);
  return boot.instance;
}

/** @returns what became of the old instance, for a person. */
async function forwarding(session: Session, old: string): Promise<string> {
  const { aws, tools, signal } = session;
  try {
    return await poll(
      `${old} does not forward`,
      async () => {
        const alive = (await aws.instances.look()).some((i) => i.alive && i.id === old);
        if (!alive) return { done: `${old} is gone already` };
        const boot = await readBoot(aws, old);
        return boot?.state === "forwarding"
          ? { done: `${old} forwards` }
          : { waiting: boot?.state ?? "no boot record" };
      },
      { seconds: FORWARD_SECONDS, everySeconds: 0.5, clock: tools.clock, signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EverspotError)) throw error;
    tools.terminal.warn(`${error.message}; visitors who still come to it are served by the old release`);
    return `${old} goes on serving by itself`;
  }
}

/** @throws EverspotError when it is not proved that the site is served by this instance and release. */
export async function checkFromOutside(session: Session, instance: string, release: string): Promise<void> {
  const { config, aws, tools } = session;
  const url = `https://${config.domain}${config.app.health}`;
  await session.step("check from outside", async (detail) => {
    const status = await waitUntilReachable(url, {
      probe: tools.probe,
      seconds: REACH_SECONDS,
      clock: tools.clock,
    });
    await poll(
      `${instance} has the site with ${release}`,
      async () => {
        const { value: site } = await readDocument(aws.store, siteDocument);
        if (site?.owner === instance && site.release === release) return { done: true };
        return { waiting: `${site?.owner ?? "nobody"} has it with ${site?.release ?? "no release"}` };
      },
      {
        ...{ seconds: RECORD_SECONDS, everySeconds: 1, clock: tools.clock, signal: session.signal },
        hint: "`everspot status` shows who serves",
      },
    );
    detail(`${url} answers ${status}, served by ${instance}`);
  });
}
