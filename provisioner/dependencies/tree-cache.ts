import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import * as z from "zod";

const meta = z.strictObject({
  version: z.literal(1),
  created: z.iso.datetime(),
  /** "django 5.2", sorted. */
  packages: z.array(z.string()),
  /** Whether it holds code for one architecture only. */
  compiled: z.boolean(),
  bytecode: z.boolean(),
});
/** Anything else counts as missing. */
const metaText = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue("not JSON");
      return z.NEVER;
    }
  })
  .pipe(meta);
export type TreeMeta = z.infer<typeof meta>;

export interface CachedTree {
  /** Folder of the installed packages. */
  folder: string;
  meta: TreeMeta;
}

const DAY = 24 * 3600 * 1000;
/** For trees that have not been used since. */
const KEPT_DAYS = 30;
const KEPT_TREES = 8;

export const defaultCacheDir = (env: NodeJS.ProcessEnv): string =>
  path.join(env.XDG_CACHE_HOME || path.join(env.HOME || homedir(), ".cache"), "everspot", "trees");

/** This machine's installed dependency trees, by the hash of everything that decides their contents. */
export class TreeCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  static key(parts: unknown): string {
    return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  }

  /** @param maxAge milliseconds since it was made, at most. */
  async find(key: string, maxAge: number): Promise<CachedTree | undefined> {
    const entry = path.join(this.#folder, key);
    const text = await readFile(path.join(entry, "meta.json"), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    const parsed = metaText.safeParse(text);
    if (!parsed.success || Date.now() - Date.parse(parsed.data.created) > maxAge) return undefined;
    const now = new Date();
    await utimes(entry, now, now);
    return { folder: path.join(entry, "tree"), meta: parsed.data };
  }

  /** A folder to build in, on the cache's disk. */
  async work(): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    return mkdtemp(path.join(this.#folder, ".building-"));
  }

  /** Moves `<work>/tree` into the cache in one step, replacing what was there. */
  async keep(key: string, work: string, about: Omit<TreeMeta, "version" | "created">): Promise<CachedTree> {
    const value: TreeMeta = { version: 1, created: new Date().toISOString(), ...about };
    const staged = path.join(work, "entry");
    await mkdir(staged);
    await rename(path.join(work, "tree"), path.join(staged, "tree"));
    await writeFile(path.join(staged, "meta.json"), JSON.stringify(value));
    const entry = path.join(this.#folder, key);
    await rename(entry, path.join(work, "replaced")).catch(ignoreMissing);
    await rename(staged, entry);
    await this.#prune(key);
    return { folder: path.join(entry, "tree"), meta: value };
  }

  async #prune(justMade: string): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name !== justMade);
    const used = await Promise.all(
      names.map(async (name) => ({
        name,
        at: (await stat(path.join(this.#folder, name)).catch(() => undefined))?.mtimeMs ?? 0,
      })),
    );
    const old = Date.now() - KEPT_DAYS * DAY;
    const trees = used.filter((u) => !u.name.startsWith(".")).sort((a, b) => b.at - a.at);
    // A build that was killed leaves its folder; a day is longer than any build.
    const left = used.filter((u) => u.name.startsWith(".building-") && u.at < Date.now() - DAY);
    for (const { name } of [...trees.filter((t, i) => i >= KEPT_TREES - 1 || t.at < old), ...left]) {
      await rm(path.join(this.#folder, name), { recursive: true, force: true });
    }
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
