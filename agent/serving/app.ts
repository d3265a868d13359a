import { createHash } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { applicationOf, longestTimeout } from "../site/config/app.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { poll } from "../site/poll.ts";
import { pointLink, readIfThere, writeAtomic } from "../system/files.ts";
import { appUnit, type KeptPlaces, prepareUnit, REHEARSAL } from "../system/paths.ts";
import type { PatientClock } from "../system/processor.ts";
import type { Units } from "../system/units.ts";
import { appEnvironment, prepareScript } from "./app-environment.ts";
import { hasStatic, offerStatic, type StaticMachine, switchStatic, takeStatic } from "./app-static.ts";
import { gunicornConfig, ownGunicornConfig } from "./gunicorn-config.ts";
import { askHealth, definiteAnswer, type Health } from "./health.ts";
import { linkKept } from "./kept-links.ts";
import { adviceOn, failedCommands, lastWords, timesOf, writersOf } from "./last-words.ts";
import { hasSourceLayout } from "./source-layout.ts";

/** Lines: a chain of exceptions is long. */
const READ = 1000;
/** `before_start` may migrate a database. */
const PREPARE_SECONDS = 900;
/** gunicorn lets running requests end (its graceful_timeout is 30). */
const STOP_SECONDS = 60;

export interface AppMachine extends StaticMachine {
  /** For the deadlines of an app: time in which the machine was kept from its processors is not the app's. */
  patience: PatientClock;
  /** Folder for environment files (0600), before_start scripts and settings of gunicorn, lost at a reboot. */
  environment: string;
  /** Where a site with state has its databases and uploads. */
  kept: Pick<KeptPlaces, "databases" | "media">;
  /** Symlinks that nginx follows. */
  links: StaticMachine["links"] & { socket: string; release: string };
  socketOf(release: string): string;
}

/** What a rehearsal leaves to be done while visitors wait. */
export interface Left {
  /** So many of the steps of `before_start`, from the first on: what comes after them wrote nothing. */
  steps: number;
  /** Whose static files the release goes on from. */
  as: string;
}

/**
 * Runs `before_start` for a release unless that was done on this machine in this boot with the same commands
 * and environment. @param rehearsed what is left of it, after a rehearsal. @returns what was done, in one line.
 * @throws EverspotError with the last lines of the output.
 */
export async function prepareApp(
  machine: AppMachine,
  id: string,
  folder: string,
  secrets: Readonly<Record<string, string>>,
  signal?: AbortSignal,
  rehearsed?: Left,
): Promise<string> {
  const { config, units, patience } = machine;
  await mkdir(machine.environment, { recursive: true });
  if (config.state !== undefined) await linkKept(folder, config.state, machine.kept);
  const source = await hasSourceLayout(folder, applicationOf(config.app));
  const environment = appEnvironment(config, id, folder, secrets, { source });
  const slowness = patience.slowness();
  // gunicorn kills a worker that has not loaded the app in that time.
  const timeout = Math.ceil(longestTimeout(config.app) * slowness);
  const written = appEnvironment(config, id, folder, secrets, { timeout, source });
  await writeAtomic(join(machine.environment, `${id}.env`), written, 0o600);
  await writeAtomic(join(machine.environment, `${id}.gunicorn.py`), gunicornConfig, 0o644);
  if (config.app.beforeStart.length === 0) return "no commands";

  const script = prepareScript(config.app.beforeStart, { watched: id === REHEARSAL });
  const done = join(machine.environment, `${id}.prepared`);
  const mark = createHash("sha256").update(environment).update(script).digest("hex");
  if ((await readIfThere(done)) === mark) return "done before";
  // A try that failed on the way has taken the rehearsal's files.
  const left = rehearsed !== undefined && (await hasStatic(machine, rehearsed.as)) ? rehearsed : undefined;
  const commands = config.app.beforeStart.slice(0, left?.steps);
  await offerStatic(machine, id, folder, left?.as);
  const unit = prepareUnit(id);
  if (commands.length > 0) {
    const rest = left === undefined ? script : prepareScript(commands);
    await writeAtomic(join(machine.environment, `${id}.sh`), rest, 0o644);
    await runPrepare(machine, id, signal);
  }
  const link = await takeStatic(machine, id);
  await writeAtomic(done, mark, 0o600);
  const unserved = link === undefined ? "" : `; links among the static files are not served, such as ${link}`;
  if (commands.length === 0) return `nothing that the rehearsal left${unserved}`;
  const timed = timesOf(await units.lines(unit, READ).catch(() => []))
    .filter(({ command }) => commands.flat().includes(command))
    .map(({ command, seconds }) => `${command} ${seconds.toFixed(1)} s`);
  const times = timed.length === 0 ? "" : `: ${timed.join(", ")}`;
  const count = commands.flat().length;
  return `${count} command${count === 1 ? "" : "s"}${times}${unserved}`;
}

async function runPrepare({ units, patience }: AppMachine, id: string, signal?: AbortSignal): Promise<void> {
  const unit = prepareUnit(id);
  try {
    await units.start(unit, PREPARE_SECONDS * patience.slowness(), signal);
  } catch (cause) {
    signal?.throwIfAborted();
    const lines = failedCommands(await units.lines(unit, READ));
    throw new EverspotError("before_start failed", {
      resource: `release ${id}`,
      hint: adviceOn(lines) ?? "a line that starts with + is a command that failed",
      lines,
      cause,
    });
  }
}

/** What the rehearsal of a release, which has just been prepared, leaves to be done; all of it where that is not known. */
export async function leftByRehearsal({
  units,
  config,
}: AppMachine): Promise<(Left & { seconds: number }) | undefined> {
  const lines = await units.lines(prepareUnit(REHEARSAL), READ).catch(() => []);
  const writers = writersOf(lines, config.app.beforeStart.length);
  return writers && { ...writers, as: REHEARSAL };
}

/** Starts gunicorn for a release, unless it runs; others keep running. @throws EverspotError with its last lines. */
export async function startApp(
  machine: AppMachine,
  id: string,
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const unit = appUnit(id);
  const state = await machine.units.state(unit);
  if (state.active === "active") return;
  await machine.units.reset(unit);
  try {
    await machine.units.start(unit, 60, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    throw await notRunning(machine, id, folder, "the app does not start", cause);
  }
}

/**
 * @throws EverspotError with the app's last lines when it ends, keeps answering something else than 200, or does not
 * answer within its `timeout`.
 */
export async function waitHealthy(
  machine: AppMachine,
  id: string,
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const { config, patience } = machine;
  const unit = appUnit(id);
  let looks = 0;
  let last: Health | undefined;
  const isDefinite = definiteAnswer(() => patience.now());
  try {
    await poll(
      `${config.app.health} of the app`,
      async () => {
        const health = await askHealth(
          machine.socketOf(id),
          config.app.health,
          config.domain,
          config.app.timeout * 1000,
          signal,
        );
        if (health.ok) return { done: true };
        if (looks++ % 20 === 19) await stillRuns(machine, id, folder);
        last = health;
        if (isDefinite(health)) {
          throw new EverspotError(`${config.app.health} of the app answers ${health.seen}`, {
            retry: "retry",
          });
        }
        return { waiting: health.seen };
      },
      { seconds: config.app.timeout, everySeconds: 0.03, clock: patience, signal },
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof EverspotError && error.lines.length > 0) throw error;
    const lines = lastWords(await machine.units.lines(unit, READ));
    await stopApp(machine, id);
    throw new EverspotError(messageOf(error), {
      resource: `release ${id}`,
      hint: adviceOn(lines) ?? hintOn(last, config, await ownGunicornConfig(folder)),
      lines,
      cause: error,
    });
  }
}

/** @param own a file of the project with settings of gunicorn. */
function hintOn(last: Health | undefined, { domain, app }: BootConfig, own: string | undefined): string {
  const must = `${app.health} must answer 200 when asked as ${domain}`;
  const status = last?.status;
  const inForce = inForceToo(own);
  if (last?.listens === false)
    return `gunicorn never listened on its socket${inForce}; the app may take longer to load than [app] timeout`;
  if (status === undefined) return `${must}; see [app] health and timeout${inForce}`;
  if (status === 400) return `${must}; Django answers 400 when ALLOWED_HOSTS does not name it`;
  if (status >= 300 && status < 400)
    return `${must}, and not lead elsewhere; name a page in [app] health that does, such as the one it leads to`;
  if (status < 500) return `${must}; name a page in [app] health that anybody may see`;
  return `${must}; the lines are what the app said about it, if it did: see LOGGING in its settings`;
}

const inForceToo = (own: string | undefined): string =>
  own === undefined ? "" : `; the project's own ${own} is in force`;

async function stillRuns(machine: AppMachine, id: string, folder: string): Promise<void> {
  const { active, sub, restarts } = await machine.units.state(appUnit(id));
  if (active !== "active" || restarts > 0) {
    throw await notRunning(machine, id, folder, `the app ended (${active}, ${sub})`);
  }
}

async function notRunning(
  machine: AppMachine,
  id: string,
  folder: string,
  message: string,
  cause?: unknown,
): Promise<EverspotError> {
  const lines = lastWords(await machine.units.lines(appUnit(id), READ));
  await stopApp(machine, id);
  return new EverspotError(message, {
    resource: `release ${id}`,
    hint:
      adviceOn(lines) ??
      `the lines are what gunicorn and the app said; see [app] ${machine.config.app.asgi === undefined ? "wsgi" : "asgi"} if it could not be imported${inForceToo(await ownGunicornConfig(folder))}`,
    lines: lines.length === 0 ? ["(it said nothing)"] : lines,
    cause,
  });
}

/** New requests go to this release from here on; requests that run are not touched. */
export async function switchTo(machine: AppMachine, id: string, folder: string): Promise<void> {
  await switchFiles(machine, id, folder);
  await pointLink(machine.links.socket, machine.socketOf(id));
}

/** All but the requests. */
export async function switchFiles(machine: AppMachine, id: string, folder: string): Promise<void> {
  await switchStatic(machine, id, folder);
  await pointLink(machine.links.release, folder);
}

export async function stopApp(machine: AppMachine, id: string): Promise<void> {
  await machine.units.stop(appUnit(id), STOP_SECONDS);
}

/** Stops every app but this one. @returns their units. */
export async function stopOthers(units: Units, id: string): Promise<string[]> {
  const others = (await units.list("everspot-app@*.service")).filter((u) => u !== appUnit(id));
  await Promise.all(others.map((unit) => units.stop(unit, STOP_SECONDS)));
  return others;
}

/** Whether a release brings a Python package of its own. */
export const bundles = (folder: string, name: string): Promise<boolean> =>
  stat(join(folder, ".everspot/python", name)).then(
    () => true,
    () => false,
  );
