import { rm, writeFile } from "node:fs/promises";
import type { Clock } from "../site/clock.ts";
import { EverspotError } from "../site/errors.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import { run } from "../system/run.ts";
import type { Units } from "../system/units.ts";
import { KEEP_ALIVE } from "./nginx-config.ts";

const UNIT = "nginx.service";

/**
 * Makes nginx run with this configuration. A configuration that `nginx -t` refuses never replaces one that runs;
 * a new one is taken over without a lost connection.
 * @param filesChanged whether files it names, such as the certificate, are others than it may have read.
 * @returns what was done. @throws EverspotError with nginx's own words.
 */
export async function applyNginx(
  units: Units,
  file: string,
  config: string,
  filesChanged: boolean,
): Promise<"started" | "reloaded" | "unchanged"> {
  const { active } = await units.state(UNIT);
  const running = active === "active";
  if (running && !filesChanged && (await readIfThere(file)) === config) return "unchanged";
  await check(file, config);
  await writeAtomic(file, config, 0o644);
  if (running) {
    await units.reload(UNIT);
    return "reloaded";
  }
  await units.reset(UNIT);
  try {
    await units.start(UNIT, 30);
  } catch (cause) {
    throw new EverspotError("nginx does not start", {
      lines: await units.lines(UNIT, 20),
      cause,
      retry: "retry",
    });
  }
  return "started";
}

async function check(file: string, config: string): Promise<void> {
  const next = `${file}.check`;
  await writeAtomic(next, config, 0o644);
  try {
    await run("nginx", ["-t", "-q", "-c", next], {
      hint: "this is a fault of everspot or of a value in everspot.toml; the lines are nginx's own",
    });
  } finally {
    await rm(next, { force: true });
  }
}

/** Seconds after which no connection is idle: each was used, and closed, or has timed out. */
const CLOSING_SECONDS = KEEP_ALIVE + 5;

/**
 * Makes nginx take over a configuration and the certificate it names without cutting off a request: a reload
 * closes idle connections at once, and a visitor's next request may already be under way on one. So kept
 * connections are closed by their answers first. Does nothing when nginx does not run.
 * @param next `marker`: file of the configuration's `closing`. `hurry`: reloads at once, because what is served
 * now is of no use to visitors.
 */
export async function renewNginx(
  units: Units,
  next: { file: string; config: string; marker: string; hurry: boolean },
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const { file, config, marker, hurry } = next;
  if ((await units.state(UNIT)).active !== "active") return;
  if (hurry) return void (await applyNginx(units, file, config, true));
  await writeFile(marker, "");
  try {
    await clock.sleep(CLOSING_SECONDS * 1000, signal);
    await applyNginx(units, file, config, true);
    // The old workers answer what they have begun, and must go on seeing the marker until they are gone.
    await clock.sleep(1000, signal);
  } finally {
    await rm(marker, { force: true });
  }
}
