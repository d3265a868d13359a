import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";

/**
 * Where databases go on this computer: one into a file, several into a folder, by their names in the log.
 * @param given what the person named; undefined: here, by their own names.
 */
export function targetsOf(given: string | undefined, files: readonly string[]): Map<string, string> {
  const [only] = files;
  if (files.length === 1 && only !== undefined) {
    const folder = given?.endsWith("/") ? path.join(given, path.basename(only)) : given;
    return new Map([[only, path.resolve(folder ?? path.basename(only))]]);
  }
  return new Map(files.map((file) => [file, path.resolve(given ?? ".", file)]));
}

/** @throws EverspotError (exit code 2) for one that is there already. */
export async function refuseWhatIsThere(targets: Iterable<string>): Promise<void> {
  for (const file of targets) {
    if ((await stat(file).catch(() => undefined)) === undefined) continue;
    throw new EverspotError(`${file} exists already`, {
      resource: file,
      hint: "name another file, or replace it with --force",
      exitCode: 2,
    });
  }
}

/** A folder beside a file, on the same disk, for as long as `work` goes on. */
export async function withScratch<T>(beside: string, work: (folder: string) => Promise<T>): Promise<T> {
  const parent = path.dirname(path.resolve(beside));
  const folder = await mkdir(parent, { recursive: true })
    .then(() => mkdtemp(path.join(parent, ".everspot-")))
    .catch((cause: unknown) => {
      throw new EverspotError(`${parent} cannot be written: ${messageOf(cause)}`, {
        resource: parent,
        cause,
      });
    });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Puts a database where it belongs, in place of what is there: its file alone, which then has everything. */
export async function place(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  for (const suffix of ["-wal", "-shm", "-journal"]) await rm(to + suffix, { force: true });
  await rename(from, to);
}
