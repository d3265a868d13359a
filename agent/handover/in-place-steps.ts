/** The steps of a swap in place. */
import { readlink } from "node:fs/promises";
import {
  appSteps,
  bringRelease,
  ensureGunicorn,
  type Ground,
  keepPackages,
  type Release,
} from "../machine/app-steps.ts";
import type { Machine } from "../machine/machine.ts";
import { DEADLINES } from "../record/deadline.ts";
import { type Step, type StepContext, step } from "../record/graph.ts";
import { switchTo } from "../serving/app.ts";
import { drained } from "../serving/drain.ts";
import { longestTimeout } from "../site/config/app.ts";
import { EverspotError } from "../site/errors.ts";
import { appUnit } from "../system/paths.ts";

export const SWITCH = "switch";
export const STOP_SECONDS = 60;
/** The app switched to is known to be healthy, so any trouble at the front door shows at once. */
export const PROBE_SECONDS = 3;

/** Brings the release that is wanted, if it is still the one to be tried. */
export function releaseStep(id: string, running: string, machine: Machine): Step<Release> {
  const { identity, candidates } = machine;
  const bring = async (_: unknown, context: StepContext) => {
    // A release that serves already has been tried; the agent that tried it may have been cut off.
    const choice = id === running ? { id } : await candidates.next(identity.instance);
    if (choice.id !== id) {
      throw new EverspotError(`${id} is no longer the candidate, ${choice.id} is next`, {
        hint: "someone deployed or rolled back meanwhile; deploy again",
      });
    }
    return bringRelease(machine, { id, isCandidate: id !== running }, id, context);
  };
  return step({ name: "release", takes: "transfer" }, {}, bring, "when-fatal");
}

export function promoteStep(id: string, machine: Machine, switched: Step<unknown>): Step<void> {
  return step({ name: "promote", takes: "install" }, { switched }, async (_, context) => {
    await keepPackages(machine, context);
    const promoted = await machine.candidates.promote(id);
    context.detail(promoted ? `${id} is current` : "no change");
  });
}

export async function groundOf(machine: Machine, release: Release, signal: AbortSignal): Promise<Ground> {
  await ensureGunicorn(machine, release, signal);
  return { apps: await machine.host.apps(), secrets: await machine.secrets.read() };
}

export function inPlaceSteps(id: string, running: string, machine: Machine): Step<unknown>[] {
  const { config, units, clock, host } = machine;
  const release = releaseStep(id, running, machine);
  const { prepare, app, healthy, look, gate } = appSteps(machine, release, { release }, (got, { signal }) =>
    groundOf(machine, got.release, signal),
  );

  const switched = step(SWITCH, { healthy, prepare, release, ...gate }, async (got, { detail, signal }) => {
    const before = await readlink(got.prepare.links.release);
    await switchTo(got.prepare, id, got.release.folder);
    try {
      const answer = await host.probe(PROBE_SECONDS, signal);
      detail(`200 in ${answer.milliseconds} ms`);
    } catch (error) {
      await switchTo(got.prepare, running, before);
      throw error;
    }
  });

  const promote = promoteStep(id, machine, switched);

  const seconds = longestTimeout(config.app);
  const live = config.app.asgi !== undefined;
  const ends = seconds + DEADLINES.calls;
  const stop = step(
    { name: "stop the old one", takes: ends },
    { promote, prepare },
    async (got, { detail }) => {
      if (running === id) return;
      const ended = await drained(got.prepare.socketOf(running), { seconds, live }, clock);
      await units.stop(appUnit(running), STOP_SECONDS);
      detail(`${running}${ended ? "" : ", with requests that took too long"}`);
    },
  );

  return [release, prepare, app, healthy, look, switched, promote, stop];
}
