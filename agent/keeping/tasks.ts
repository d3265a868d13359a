/** The commands of the shipper that end: each a unit of systemd, which says what came of it as a line of JSON. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { historySeconds, keptName } from "../site/config/state.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { drilled } from "../site/state/drilled.ts";
import { Fenced } from "../site/state/errors.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import { type KeptPlaces, stateTask } from "../system/paths.ts";
import type { Units } from "../system/units.ts";

/** Seconds that bringing the state may take: 1 GB in 7 s where S3 is near, and a database may be larger. */
const TASK_SECONDS = 600;
/** Lines of what a unit said last. */
export const LAST_LINES = 20;

export interface ShipperOptions {
  config: Pick<BootConfig, "bucket" | "account"> & { state: NonNullable<BootConfig["state"]> };
  instance: string;
  units: Units;
  places: KeptPlaces;
}

const fenced = z.object({ fenced: z.int() });
/** What each of them says in the end. */
export const takenOver = z.object({
  seq: z.int(),
  base: z.optional(z.int()),
  entries: z.int(),
  files: z.array(z.string()),
  opened: z.boolean(),
  uploads: z.int(),
  troubles: z.array(z.string()),
});
export const wentBack = z.object({ rewound: z.boolean(), seq: z.int() });
export const restored = z.object({ seq: z.int(), files: z.array(z.string()) });
export const drillFound = z.omit(drilled, { version: true, at: true, by: true });
export const undone = z.object({ undone: z.boolean(), seq: z.int() });

/** A file that only the keeper and the shipper see. */
export const privateFile = ({ private: folder }: KeptPlaces, file: string): string => join(folder, file);

/**
 * Runs a command to its end. Its credentials must be in place already.
 * @throws Fenced; EverspotError with what it said last; the signal's reason.
 */
export async function runTask<T>(
  options: ShipperOptions,
  { what, epoch, more = {} }: { what: string; epoch: number; more?: object },
  answer: z.ZodMiniType<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { units, places } = options;
  const unit = stateTask(what);
  const out = privateFile(places, `${what}.out`);
  await writeSettings(options, what, epoch, more);
  await rm(out, { force: true });
  await units.reset(unit);
  const failed = await units.start(unit, TASK_SECONDS, signal).then(
    () => undefined,
    (error: unknown) => error ?? new Error("it failed"),
  );
  signal?.throwIfAborted();
  const said = lastLine((await readIfThere(out)) ?? "");
  const other = z.safeParse(fenced, said);
  if (other.success) throw new Fenced(other.data.fenced);
  if (failed === undefined) return z.parse(answer, said);
  const lines = await units.lines(unit, LAST_LINES).catch(() => []);
  throw new EverspotError(`the site's state: ${lines.at(-1) ?? messageOf(failed)}`, {
    resource: unit,
    retry: "retry",
    lines,
    cause: failed,
  });
}

/** What the shipper goes by, in one command or as it ships. */
export async function writeSettings(
  { config, instance, places }: ShipperOptions,
  what: string,
  epoch: number,
  more: object = {},
): Promise<void> {
  const { database, media, durability, budget, history } = config.state;
  const control = privateFile(places, "control.sock");
  const settings = {
    ...{ bucket: config.bucket, account: config.account },
    ...{ credentials: privateFile(places, "credentials.json") },
    ...{ epoch, instance, folder: places.databases, databases: database.map(keptName), keeps: places.log },
    ...{ lease: places.lease, control },
    ...{ durability, budget, history: historySeconds(history) },
    ...(media !== undefined && { media: { folder: places.media, socket: places.uploads } }),
    ...more,
  };
  // The folder is closed to everybody else.
  await writeAtomic(privateFile(places, `${what}.json`), JSON.stringify(settings), 0o644);
}

/** The last line of JSON there is, whatever else was said; undefined when there is none. */
function lastLine(text: string): unknown {
  for (const line of text.split("\n").toReversed()) {
    try {
      return JSON.parse(line);
    } catch {}
  }
  return undefined;
}
