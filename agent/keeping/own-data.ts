/** What the site's code has written to its own folder, brought to where the state's process reads it. */
import { constants, createWriteStream, lstatSync } from "node:fs";
import { link, lstat, mkdir, open, readdir, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { EverspotError } from "../site/errors.ts";
import { runUnit } from "../system/paths.ts";
import type { StartTransient } from "../system/transient.ts";

/** Seconds that a copy of a database may take while the app works with it. */
const COPY_SECONDS = 900;
/** What SQLite needs beside a database that was not closed. */
const BESIDE = ["", "-wal", "-journal"] as const;

/** Prints a copy as of one moment, whoever writes meanwhile. */
const COPY = `
import os, shutil, sqlite3, sys, tempfile
from urllib.parse import quote
own, name = os.environ["STATE_DIRECTORY"], sys.argv[1]
path = os.path.join(own, name)
if not os.path.isfile(path):
    found = [os.path.relpath(os.path.join(folder, file), own) for folder, _, files in os.walk(own) for file in files]
    def is_database(file):
        path = os.path.join(own, file)
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as opened:
            return opened.read(15) == b"SQLite format 3"
    found = [file for file in found if is_database(file)]
    sys.exit("there is no $STATE_DIRECTORY/%s; SQLite databases there: %s" % (name, ", ".join(sorted(found)) or "none"))
try:
    with tempfile.TemporaryDirectory(dir=own, prefix=".everspot-") as folder:
        copy = os.path.join(folder, "copy")
        source = sqlite3.connect("file:" + quote(path) + "?mode=rw", uri=True, timeout=30)
        target = sqlite3.connect(copy)
        source.backup(target)
        target.close()
        source.close()
        with open(copy, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
except (sqlite3.Error, OSError) as error:
    sys.exit("$STATE_DIRECTORY/%s cannot be copied: %s" % (name, error))
`;

/**
 * A database of the app as of one moment, while the app works with it: read by the app's own user, in its sandbox.
 * @param name in the app's own folder. @throws EverspotError for what is none.
 */
export async function copyLive(
  start: StartTransient,
  release: string,
  name: string,
  to: string,
): Promise<void> {
  const copying = start({
    ...{ unit: runUnit("bring", release), seconds: COPY_SECONDS, memory: "256M" },
    description: "Copies a database that is brought to the bucket",
    words: ["/usr/bin/python3", "-I", "-c", COPY, name],
  });
  copying.stdin.end();
  let said = "";
  copying.stderr.on("data", (text: Buffer) => {
    said = `${said}${text}`.slice(-2_000);
  });
  await pipeline(copying.stdout, createWriteStream(to, { flags: "wx", mode: 0o600 }));
  if ((await copying.ended) === 0) return;
  throw new EverspotError(said.trim().split("\n").at(-1) || `${name} could not be copied`, {
    resource: name,
    hint: "[state] database names what the site writes to: below $STATE_DIRECTORY, or by the same name in the project",
  });
}

/**
 * The same when the app has ended, as it left it.
 * @param folder of the app. What leads out of it is not followed. @returns what was made.
 */
export async function copyAsLeft(folder: string, name: string, to: string): Promise<string[]> {
  const from = join(folder, name);
  const inside = await realpath(dirname(from)).catch(() => undefined);
  if (inside === undefined || !`${inside}/`.startsWith(`${await realpath(folder)}/`)) {
    throw new EverspotError(`${from} is not in the app's own folder`, { resource: from });
  }
  const made: string[] = [];
  for (const suffix of BESIDE) {
    const handle = await open(from + suffix, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT" && suffix !== "") return undefined;
        throw new EverspotError(`${from}${suffix} cannot be read: ${error.message}`, {
          resource: from,
          cause: error,
        });
      },
    );
    if (handle === undefined) continue;
    const into = to + suffix;
    await pipeline(handle.createReadStream(), createWriteStream(into, { flags: "wx", mode: 0o600 }));
    made.push(into);
  }
  return made;
}

/**
 * Makes a folder have the very files of another one, by links: what is the same file already is left alone, for a link
 * more changes when it was changed last. Links and other odd things stay out.
 * @param made called for each folder that was made.
 */
export async function linkAll(
  from: string,
  to: string,
  made: (folder: string) => Promise<void>,
): Promise<void> {
  const wanted = new Set<string>();
  for (const entry of await namesIn(from)) {
    const [here, there] = [join(from, entry), join(to, entry)];
    const stats = await lstat(here).catch(() => undefined);
    if (stats?.isDirectory()) {
      wanted.add(entry);
      const before = lstatSync(there, { throwIfNoEntry: false });
      if (before !== undefined && !before.isDirectory()) await rm(there);
      if (before?.isDirectory() !== true) {
        await mkdir(there);
        await made(there);
      }
      await linkAll(here, there, made);
    } else if (stats?.isFile()) {
      wanted.add(entry);
      const before = lstatSync(there, { throwIfNoEntry: false });
      if (before?.ino === stats.ino && before.dev === stats.dev) continue;
      await rm(there, { recursive: true, force: true });
      await link(here, there);
    }
  }
  for (const entry of await namesIn(to)) {
    if (!wanted.has(entry)) await rm(join(to, entry), { recursive: true, force: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}
