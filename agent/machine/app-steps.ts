/** A release on this machine, from the bucket to an app that answers: for a boot, and for a swap in place. */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { lookAround } from "../look/look.ts";
import { lookOnce } from "../look/remembered.ts";
import { DEADLINES } from "../record/deadline.ts";
import {
  Excused,
  type Needs,
  resultOf,
  resultsOf,
  type Step,
  type StepContext,
  step,
  type ValuesOf,
} from "../record/graph.ts";
import { type Fetched, fetchRelease } from "../release/fetch.ts";
import {
  type AppMachine,
  bundles,
  type Left,
  prepareApp,
  startApp,
  stopApp,
  waitHealthy,
} from "../serving/app.ts";
import { servedFolders } from "../serving/app-static.ts";
import { ownGunicornConfig } from "../serving/gunicorn-config.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { readIfThere } from "../system/files.ts";
import type { Machine } from "./machine.ts";

export interface Release {
  id: string;
  folder: string;
  /** It has not served yet: it may be refused for what it would look like. */
  isCandidate: boolean;
}

/** What an app needs to be there before it is prepared. */
export interface Ground {
  apps: AppMachine;
  secrets: Readonly<Record<string, string>>;
  /** What is left of its preparation after a rehearsal. */
  left?: Left | undefined;
}

/** Brings a release onto the disk. @param as how the boot record names it. */
export async function bringRelease(
  { store, disk, platform, clock }: Machine,
  { id, isCandidate }: Pick<Release, "id" | "isCandidate">,
  as: string,
  context: StepContext,
): Promise<Release> {
  const fetched = await fetchRelease(store, id, disk, platform, { clock, signal: context.signal });
  context.detail(`${as} from the ${fetched.from}${sizeOf(fetched)}`);
  return { id, folder: fetched.folder, isCandidate };
}

const sizeOf = ({ bytes }: Fetched): string =>
  bytes === undefined ? "" : `, ${(bytes / 1e6).toFixed(1)} MB`;

/** What speaks WebSocket for uvicorn, of those that Debian has, ends a connection with a word in each version of it. */
const UVICORN = ["python3-uvicorn", "python3-wsproto"];

/** gunicorn, and uvicorn, are the release's own, or Debian's. @returns what was installed; undefined when the release brings it. */
export async function ensureGunicorn(
  { packages, config }: Machine,
  { folder }: Release,
  signal: AbortSignal,
) {
  const lean = [
    ...((await bundles(folder, "gunicorn")) ? [] : ["gunicorn"]),
    ...(config.app.asgi === undefined || (await bundles(folder, "uvicorn")) ? [] : UVICORN),
  ];
  return lean.length === 0 ? undefined : packages.ensure({ lean }, signal);
}

/**
 * Before a release becomes current: from then on, a replacement must not need the package mirror. Nothing to do unless
 * packages came from there. Never throws; what cannot be kept now is kept once the boot is over.
 */
export async function keepPackages({ packages }: Pick<Machine, "packages">, context: StepContext) {
  await packages.keep().catch((error: unknown) => {
    context.warn(`until the packages are kept, a replacement needs the package mirror: ${messageOf(error)}`);
  });
}

/**
 * Prepares, starts and waits for the app of a release, and looks at what visitors will see. Whoever sends them there
 * waits for that look too where it can refuse: see `gate`.
 * @param ground sees to what the app needs, from the steps in `needs`.
 * @param answers what is done once it answers: no visitor is sent to it before.
 */
export function appSteps<N extends Needs>(
  machine: Machine,
  release: Step<Release>,
  needs: N,
  ground: (got: ValuesOf<N>, context: StepContext) => Promise<Ground>,
  answers: (apps: AppMachine, release: Release) => Promise<void> = async () => {},
) {
  const { config } = machine;
  const prepare: Step<AppMachine> = {
    name: "prepare",
    needs: [...Object.values(needs), release],
    blames: "always",
    seconds: DEADLINES.prepare,
    async run(values, context) {
      const { apps, secrets, left } = await ground(resultsOf(values, needs), context);
      const { id, folder } = resultOf(values, release);
      context.detail(
        await onItsData(machine, () => prepareApp(apps, id, folder, secrets, context.signal, left)),
      );
      return apps;
    },
  };
  const app = step(
    "app",
    { prepare, release },
    async (got, context) => {
      const own = await ownGunicornConfig(got.release.folder);
      if (own !== undefined) context.detail(`with the project's own ${own}`);
      await onItsData(machine, () =>
        startApp(got.prepare, got.release.id, got.release.folder, context.signal),
      );
    },
    "always",
  );
  const healthy = step(
    { name: "healthy", takes: config.app.timeout + DEADLINES.calls },
    { app, prepare, release },
    async (got, context) => {
      const { id, folder } = got.release;
      await onItsData(machine, () => waitHealthy(got.prepare, id, folder, context.signal));
      await answers(got.prepare, got.release);
      context.detail(`${config.app.health} answers 200`);
    },
    "always",
  );
  const look = step(
    { name: "look", takes: LOOK_SECONDS },
    { healthy, prepare, release },
    (got, context) => lookAt(machine, got.prepare, got.release, context),
    "always",
  );
  const gate: { look?: typeof look } = config.app.strict ? { look } : {};
  return { prepare, app, healthy, look, gate };
}

/** The release's own code. It is not to blame where its data was taken from under it. */
async function onItsData<T>({ state }: Pick<Machine, "state">, run: () => Promise<T>): Promise<T> {
  if (state === undefined) return run();
  try {
    return await run();
  } catch (error) {
    const ships = !(await state.sealed()) && (await state.status())?.state === "shipping";
    throw ships
      ? error
      : new Excused(error, "the site's data belongs to another instance by now, or is not kept");
  }
}

/** The look itself takes two; the bucket may be slow. */
const LOOK_SECONDS = 60;

async function lookAt(
  { config, store, clock }: Machine,
  apps: AppMachine,
  { id, folder, isCandidate }: Release,
  { signal, warn, detail }: StepContext,
): Promise<void> {
  const { app, domain, aliases, agent } = config;
  const environment = await readIfThere(join(apps.environment, `${id}.env`));
  // Without secrets' values, which no hash in the bucket is to be made of.
  const names = [...(environment ?? "").matchAll(/^([A-Za-z_]\w*)="/gm)].map((m) => m[1]);
  const mark = createHash("sha256")
    .update(JSON.stringify([app, domain, aliases, agent, names]))
    .digest("hex");
  const socket = apps.socketOf(id);
  const { found, from } = await lookOnce(store, id, mark, () =>
    lookAround(
      {
        ...{ app: socket, facts: dirname(socket), workers: app.workers },
        ...{ hosts: [domain, ...aliases], health: app.health },
        static: servedFolders(apps, id, folder),
      },
      clock,
      signal,
    ),
  );
  for (const one of found) warn(one);
  if (app.strict && isCandidate && found.length > 0) {
    // The next try would stay with a release that answers.
    await stopApp(apps, id);
    throw new EverspotError(found[0] ?? "", {
      resource: `release ${id}`,
      hint: "[app] strict refuses a release with such findings; correct them, or leave strict out to get warnings only",
      lines: found,
    });
  }
  detail(
    `${found.length === 0 ? "nothing odd" : `${found.length} odd`}${from === "memory" ? ", seen before" : ""}`,
  );
}
