/** A release in place, for a site that keeps its state. */
import { appSteps } from "../machine/app-steps.ts";
import type { Machine } from "../machine/machine.ts";
import { pauseOf } from "../machine/pause.ts";
import { rehearse } from "../machine/rehearsal.ts";
import { DRAIN_SECONDS } from "../ownership/state-swap.ts";
import type { StateKeeper } from "../ports/state.ts";
import { DEADLINES } from "../record/deadline.ts";
import { type Step, step } from "../record/graph.ts";
import { switchFiles } from "../serving/app.ts";
import { drained } from "../serving/drain.ts";
import { messageOf } from "../site/errors.ts";
import { Fenced } from "../site/state/errors.ts";
import { holdingOf } from "./forward.ts";
import { hold, letGo } from "./hold.ts";
import { groundOf, PROBE_SECONDS, promoteStep, releaseStep, SWITCH } from "./in-place-steps.ts";
import { turnGround } from "./turn-ground.ts";

/** Milliseconds until the next try to let visitors in again: they wait. */
const AGAIN_MS = 1_000;

/**
 * The steps of a swap in place, for a site that keeps its state (STATE §5, (e)). Both releases would work on the same data, so visitors wait
 * while the old one has ended and the new one is tried, and no answer tells of what that writes before it serves.
 */
export function trialSteps(
  id: string,
  running: string,
  machine: Machine,
  state: StateKeeper,
): Step<unknown>[] {
  const { config, clock, host } = machine;
  const holding = holdingOf(machine);
  const release = releaseStep(id, running, machine);
  const rehearsal = step(
    { name: "rehearsal", takes: DEADLINES.prepare },
    { release },
    async (got, { detail, signal }) => {
      const ground = await groundOf(machine, got.release, signal);
      const done = await rehearse(state, config, ground, got.release, await pauseOf(machine), signal);
      const writes = done.left?.steps === 0 ? "before_start writes nothing; " : "";
      detail(`${writes}what visitors wait for takes ${done.seconds.toFixed(1)} s on a copy`);
      return done;
    },
    "always",
  );
  const held = step("hold", { rehearsal }, async (_, { signal }) => {
    const { socketOf } = await host.apps();
    await hold(holding, signal);
    await drained(socketOf(running), { seconds: DRAIN_SECONDS, live: config.app.asgi !== undefined }, clock);
    await state.beginTrial(id);
  });
  const { prepare, app, healthy, look, gate } = appSteps(
    machine,
    release,
    { release, rehearsal, held },
    async (got, { signal }) => ({
      ...(await groundOf(machine, got.release, signal)),
      left: got.rehearsal.left,
    }),
  );
  const switched = step(SWITCH, { healthy, prepare, release, ...gate }, async (got, context) => {
    const { signal, detail, warn } = context;
    await switchFiles(got.prepare, id, got.release.folder);
    // From here on what it writes may be answered to visitors, and stays.
    await state.open();
    await state.endTrial();
    await letGo(holding, got.prepare.socketOf(id), signal);
    await host.probe(PROBE_SECONDS, signal).then(
      ({ milliseconds }) => detail(`200 in ${milliseconds} ms`),
      (error: unknown) => warn(messageOf(error)),
    );
  });
  const promote = promoteStep(id, machine, switched);
  return [release, rehearsal, held, prepare, app, healthy, look, switched, promote];
}

/** The release that served goes on with the data as they were. Not where the site is another instance's meanwhile. */
export async function takeBack(
  machine: Machine,
  state: StateKeeper,
  running: string,
  signal: AbortSignal,
): Promise<void> {
  const ground = turnGround(machine, () => running);
  if (!(await ground.held())) return;
  for (;;) {
    signal.throwIfAborted();
    const kept = await state.kept();
    const tried = await state.trial();
    if (kept?.sealed === true) return;
    try {
      if (tried !== undefined) await state.takeBackTrial(signal);
      const { epoch } = (await state.kept()) ?? { epoch: undefined };
      if (epoch === undefined) return;
      await state.start(epoch, signal);
      await ground.startApp(signal);
      // A mark whose trial this disk does not know of may stand in the log; what is written from here on counts.
      await state.open();
      return await ground.letGo(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Fenced) return;
      await machine.clock.sleep(AGAIN_MS, signal);
    }
  }
}
