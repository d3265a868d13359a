import { isUtf8 } from "node:buffer";
import { type BigIntStats, type FSWatcher, lstatSync, readdirSync, watch } from "node:fs";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";

/** Files looked at before others get their turn. */
const AT_ONCE = 256;
/** Folders that are watched at most; Linux itself has a limit for each user (fs.inotify.max_user_watches). */
const MOST_FOLDERS = 8_192;
/** Bytes of a name in the log. */
const LONGEST = 1_024;
/** Events that arrive in one go, after which some may be missing: Linux keeps 16,384 and silently drops the rest. */
const MANY = 8_192;

export const NO_FILE = "it is no ordinary file";

export interface Heard {
  /** Something happened to what has this name: a path in the folder, with `/`. */
  changed(name: string): void;
  /** What has such a name cannot be kept. */
  refused(name: string, why: string): void;
  /** Some events were lost: the folder is to be looked through. */
  missed(): void;
}

/** Tells a file that was written to since. */
export const fingerprintOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  `${ino} ${size} ${mtimeNs} ${ctimeNs}`;

/**
 * The folder of uploads: what happens in it, and what is there. One watch for each folder in it, for Node's own way of
 * watching a whole tree puts one on every file. Links are not followed, and not kept.
 */
export class UploadFolder {
  readonly root: string;
  readonly #heard: Heard;
  readonly #watchers = new Map<string, FSWatcher>();
  #events = 0;
  #counting = false;
  /** Why changes are found only by looking through the folder; undefined: all folders are watched. */
  blind: string | undefined;

  constructor(root: string, heard: Heard) {
    this.root = root;
    this.#heard = heard;
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  at(name: string): string {
    return path.join(this.root, name);
  }

  /** Undefined: there is nothing. */
  look(name: string): BigIntStats | undefined {
    try {
      return lstatSync(this.at(name), { bigint: true });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw error;
    }
  }

  /** Watches a folder and all in it from here on, and then tells of each file there is. */
  async *walk(folder = ""): AsyncGenerator<{ name: string; stats: BigIntStats }> {
    this.#watch(folder);
    let seen = 0;
    for (const name of this.#names(folder)) {
      if (++seen % AT_ONCE === 0) await turn();
      const stats = this.look(name);
      if (stats?.isDirectory()) yield* this.walk(name);
      else if (stats?.isFile()) yield { name, stats };
      else if (stats !== undefined) this.#heard.refused(name, NO_FILE);
    }
  }

  #names(folder: string): string[] {
    let found: Buffer[];
    try {
      found = readdirSync(this.at(folder), { encoding: "buffer" });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EACCES") this.#heard.refused(folder, "the folder may not be read");
      else if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
      return [];
    }
    return found.map((name) => this.#name(folder, name)).filter((name) => name !== undefined);
  }

  /** Undefined for one that cannot stand in the log. */
  #name(folder: string, found: Buffer): string | undefined {
    const name = folder === "" ? found.toString() : `${folder}/${found}`;
    if (!isUtf8(found)) this.#heard.refused(name, "its name is not UTF-8");
    else if (Buffer.byteLength(name) > LONGEST) this.#heard.refused(name, "its name is too long");
    else return name;
    return undefined;
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    if (this.#watchers.size >= MOST_FOLDERS) {
      this.blind = `it has more than ${MOST_FOLDERS} folders`;
      return;
    }
    try {
      const watcher = watch(this.at(folder), { encoding: "buffer" }, (_, name) => this.#event(folder, name));
      watcher.on("error", () => this.#unwatch(folder));
      this.#watchers.set(folder, watcher);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOSPC" || code === "EMFILE") this.blind = "Linux lets no more folders be watched";
      else if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "EACCES") throw error;
    }
  }

  #unwatch(folder: string): void {
    for (const [other, watcher] of this.#watchers) {
      if (other !== folder && !other.startsWith(`${folder}/`)) continue;
      watcher.close();
      this.#watchers.delete(other);
    }
  }

  #event(folder: string, found: Buffer | null): void {
    this.#count();
    const name = found === null ? undefined : this.#name(folder, found);
    if (found === null) this.#heard.missed();
    if (name === undefined) return;
    // When a watched folder is gone or renamed, so is all that was in it.
    if (this.#watchers.has(name) && !this.look(name)?.isDirectory()) {
      this.#unwatch(name);
      this.#heard.missed();
    }
    this.#heard.changed(name);
  }

  #count(): void {
    this.#events++;
    if (this.#counting) return;
    this.#counting = true;
    // Node reads all that Linux has for it before it comes to this.
    setImmediate(() => {
      if (this.#events > MANY) this.#heard.missed();
      this.#events = 0;
      this.#counting = false;
    });
  }
}
