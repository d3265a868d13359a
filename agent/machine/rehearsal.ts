/** A release on a copy of what the site has written, before anybody waits for it (STATE §5). */
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BootConfig } from "../../user-data/boot-config.ts";
import type { StateKeeper } from "../ports/state.ts";
import {
  type AppMachine,
  type Left,
  leftByRehearsal,
  prepareApp,
  startApp,
  waitHealthy,
} from "../serving/app.ts";
import { linkKept } from "../serving/kept-links.ts";
import { dropStatic } from "../serving/static-folder.ts";
import { EverspotError } from "../site/errors.ts";
import { appUnit, nth, REHEARSAL } from "../system/paths.ts";
import { run } from "../system/run.ts";
import type { Ground, Release } from "./app-steps.ts";

/** gunicorn of a rehearsal serves no visitor. */
const STOP_SECONDS = 10;

export interface Rehearsed {
  /** The log's last number that was in the copy. */
  seq: number;
  /** What visitors will wait for: `before_start` up to the last command that wrote something, and the app's start. */
  seconds: number;
  /** Undefined: all of `before_start`. */
  left: Left | undefined;
}

/**
 * Runs `before_start` of a release and its health check on a copy of the site's databases. What serves on this machine
 * is not touched; uploads are there to be read.
 * @param pause seconds that visitors may be made to wait.
 * @param leaves whether the copy stays: whoever takes the site over has less to read from the bucket then.
 * @throws EverspotError as prepareApp, startApp and waitHealthy do; and when visitors would wait for too long.
 */
export async function rehearse(
  state: StateKeeper,
  config: BootConfig,
  { apps, secrets }: Ground,
  { folder }: Pick<Release, "folder">,
  pause: number,
  signal: AbortSignal,
  leaves: "the copy" | "nothing" = "nothing",
): Promise<Rehearsed> {
  const twin = join(dirname(folder), REHEARSAL);
  const end = async () => {
    await apps.units.stop(appUnit(REHEARSAL), STOP_SECONDS);
    await rm(twin, { recursive: true, force: true });
  };
  const clear = async () => {
    await end();
    await state.dropCopy(REHEARSAL);
    for (const n of (config.app.static ?? []).keys()) await dropStatic(nth(apps.static, n), REHEARSAL);
  };
  await clear();
  try {
    const copy = await state.copy(REHEARSAL, signal);
    // Another folder with the same files: only its links lead elsewhere.
    await run("cp", ["-al", folder, twin], { signal });
    const onCopy = machineOn(apps, config, copy.folder);
    if (config.state) await linkKept(twin, config.state, { ...apps.kept, databases: copy.folder });
    await rm(join(apps.environment, `${REHEARSAL}.prepared`), { force: true });
    const begun = performance.now();
    await prepareApp(onCopy, REHEARSAL, twin, secrets, signal);
    const whole = (performance.now() - begun) / 1000;
    const left = await leftByRehearsal(onCopy);
    const started = performance.now();
    await startApp(onCopy, REHEARSAL, twin, signal);
    await waitHealthy(onCopy, REHEARSAL, twin, signal);
    const seconds = (left?.seconds ?? whole) + (performance.now() - started) / 1000;
    if (seconds > pause) throw tooLong(seconds, pause);
    await end();
    if (leaves === "nothing") await state.dropCopy(REHEARSAL);
    return { seq: copy.seq, seconds, left };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** The app without its gate, which would wait for a shipper; `$STATE_DIRECTORY` is the copy's folder. */
function machineOn(apps: AppMachine, config: BootConfig, copy: string): AppMachine {
  const env = Object.fromEntries(
    Object.entries(config.app.env).map(([name, value]) => [
      name,
      value.replaceAll(/\$(?:STATE_DIRECTORY\b|\{STATE_DIRECTORY\})/g, copy),
    ]),
  );
  const app = { ...config.app, env: { ...env, STATE_DIRECTORY: copy } };
  return { ...apps, config: { ...config, state: undefined, app } };
}

function tooLong(seconds: number, pause: number): EverspotError {
  const whole = Math.ceil(seconds);
  return new EverspotError(
    `what visitors wait for takes ${whole} s on a copy of what the site has written, and they may be held for ${pause} s`,
    {
      hint: `deploy with \`--pause ${Math.ceil((seconds * 1.5 + 5) / 10) * 10}\`, at an hour with few visitors; or make it shorter: it is before_start up to its last command that writes, and the app's start`,
    },
  );
}
