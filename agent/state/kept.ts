import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod/mini";

const position = z.strictObject({ salt: z.string(), frame: z.int() });
const kept = z.strictObject({
  version: z.literal(1),
  epoch: z.int(),
  instance: z.string(),
  /** Which start of the machine it was written in. */
  boot: z.string(),
  /** The last entry is the seal: nothing was written after it. */
  sealed: z.boolean(),
  place: z.strictObject({ seq: z.int(), hash: z.string(), epoch: z.int(), at: z.string() }),
  /** Each database by its path. `untouched`: it is as it was restored, if its file is still this one. */
  files: z.record(z.string(), z.union([position, z.strictObject({ untouched: z.string() })])),
  /** Written to the log since its last base. */
  since: z.strictObject({ entries: z.int(), bytes: z.int() }),
  /** A release that is tried on the databases; see site/state/trials.ts. */
  tried: z.optional(z.strictObject({ mark: z.int(), name: z.string() })),
});

/**
 * What the shipper keeps on the disk between its runs: how far the log was, and each database in it. It may be older
 * than the log, after a power cut, and then the log says what is missing.
 */
export type Kept = z.infer<typeof kept>;

export const keptFile = (folder: string): string => path.join(folder, "shipped.json");

/** Undefined when there is none, or none that can be read: all is compared with the log then. */
export function readKept(file: string): Kept | undefined {
  try {
    const parsed = z.safeParse(kept, JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

export function writeKept(file: string, value: Kept): void {
  writeFileSync(`${file}.part`, JSON.stringify(value));
  renameSync(`${file}.part`, file);
}

/** Says of databases that were just restored that a shipper of this owner may go on with them as they are. */
export function keepRestored(
  { keeps, folder }: { keeps: string; folder: string },
  me: Pick<Kept, "epoch" | "instance">,
  done: { place: Kept["place"]; files: readonly string[]; entries: number },
): void {
  writeKept(keptFile(keeps), {
    version: 1,
    epoch: me.epoch,
    instance: me.instance,
    boot: bootId(),
    sealed: false,
    place: done.place,
    files: Object.fromEntries(
      done.files.map((file) => [file, { untouched: fingerprint(path.join(folder, file)) }]),
    ),
    since: { entries: done.entries, bytes: 0 },
  });
}

/** Tells a file that was written to since: its inode, size and time. */
export function fingerprint(database: string): string {
  const { ino, size, mtimeNs } = statSync(database, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

/** Another one after each start of the machine (random(4)). */
export const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
