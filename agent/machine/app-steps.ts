/** A release on this machine, from the bucket to an app that answers: for a boot, and for a swap in place. */

import { DEADLINES } from "../record/deadline.ts";
import {
  type Needs,
  resultOf,
  resultsOf,
  type Step,
  type StepContext,
  step,
  type ValuesOf,
} from "../record/graph.ts";
import { type Fetched, fetchRelease } from "../release/fetch.ts";
import { type AppMachine, bundles, prepareApp, startApp, waitHealthy } from "../serving/app.ts";
import { ownGunicornConfig } from "../serving/gunicorn-config.ts";
import type { Machine } from "./machine.ts";

export interface Release {
  id: string;
  folder: string;
}

/** What an app needs to be there before it is prepared. */
export interface Ground {
  apps: AppMachine;
  secrets: Readonly<Record<string, string>>;
}

/** Brings a release onto the disk. @param as how the record names it. */
export async function bringRelease(
  { store, disk, platform, clock }: Machine,
  id: string,
  as: string,
  context: StepContext,
): Promise<Release> {
  const fetched = await fetchRelease(store, id, disk, platform, { clock, signal: context.signal });
  context.detail(`${as} from the ${fetched.from}${sizeOf(fetched)}`);
  return { id, folder: fetched.folder };
}

const sizeOf = ({ bytes }: Fetched): string =>
  bytes === undefined ? "" : `, ${(bytes / 1e6).toFixed(1)} MB`;

/** gunicorn is the release's own, or Debian's. @returns what was installed; undefined when the release brings it. */
export async function ensureGunicorn({ packages }: Machine, { folder }: Release, signal: AbortSignal) {
  if (await bundles(folder, "gunicorn")) return undefined;
  return packages.ensure({ lean: ["gunicorn"] }, signal);
}

/**
 * Prepares, starts and waits for the app of a release.
 * @param ground sees to what the app needs, from the steps in `needs`.
 * @param answers what is done once it answers: no visitor is sent to it before.
 */
export function appSteps<N extends Needs>(
  { config }: Machine,
  release: Step<Release>,
  needs: N,
  ground: (got: ValuesOf<N>, context: StepContext) => Promise<Ground>,
  answers: (apps: AppMachine, release: Release) => Promise<void> = async () => {},
) {
  const prepare: Step<AppMachine> = {
    name: "prepare",
    needs: [...Object.values(needs), release],
    blames: "always",
    seconds: DEADLINES.prepare,
    async run(values, context) {
      const { apps, secrets } = await ground(resultsOf(values, needs), context);
      const { id, folder } = resultOf(values, release);
      context.detail(await prepareApp(apps, id, folder, secrets, context.signal));
      return apps;
    },
  };
  const app = step(
    "app",
    { prepare, release },
    async (got, context) => {
      const own = await ownGunicornConfig(got.release.folder);
      if (own !== undefined) context.detail(`with the project's own ${own}`);
      await startApp(got.prepare, got.release.id, context.signal);
    },
    "always",
  );
  const healthy = step(
    { name: "healthy", takes: config.app.timeout + DEADLINES.calls },
    { app, prepare, release },
    async (got, context) => {
      await waitHealthy(got.prepare, got.release.id, got.release.folder, context.signal);
      await answers(got.prepare, got.release);
      context.detail(`${config.app.health} answers 200`);
    },
    "always",
  );
  return { prepare, app, healthy };
}
