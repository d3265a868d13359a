import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, statfs } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../../site/clock.ts";
import { EverspotError, messageOf } from "../../site/errors.ts";
import type { UploadBucket } from "../../site/state/bucket.ts";
import { Damaged } from "../../site/state/errors.ts";
import { mediaKey } from "../../site/state/keys.ts";
import { fingerprintOf } from "./folder.ts";
import type { KeptUpload, KeptUploads } from "./kept-uploads.ts";

/** Uploads fetched side by side when no visitor waits for them. */
const AT_ONCE = 2;
/** Part of the disk that is left to the site. */
const LEFT = 0.1;
/** Milliseconds until the next look for what is not here: one may have another name since, or could not be fetched. */
const AGAIN = 2_000;

export interface FetchOptions {
  folder: string;
  bucket: UploadBucket;
  kept: KeptUploads;
  clock: Clock;
  signal: AbortSignal;
  say: (message: string) => void;
}

/** Fetches the content of uploads that only have their name here: those that are asked for, and then all others. */
export class Fetcher {
  readonly #options: FetchOptions;
  readonly #underWay = new Map<string, Promise<boolean>>();

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  /** @returns whether there is such an upload; its content is here then. @throws EverspotError */
  async fetch(name: string): Promise<boolean> {
    const known = this.#options.kept.get(name);
    if (known?.absent === undefined) return known !== undefined;
    let fetching = this.#underWay.get(name);
    if (fetching === undefined) {
      fetching = this.#fill(name, known, known.absent).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, fetching);
    }
    return await fetching;
  }

  /** Until the signal. What cannot be fetched is tried again; a full disk ends it. */
  async fetchAll(): Promise<void> {
    const { kept, clock, signal, say } = this.#options;
    while (!signal.aborted) {
      const names = [...kept].filter(([, { absent }]) => absent !== undefined).map(([name]) => name);
      let failed = 0;
      const work = async (): Promise<void> => {
        for (let name = names.pop(); name !== undefined && !signal.aborted; name = names.pop()) {
          try {
            await this.fetch(name);
          } catch (error) {
            if (signal.aborted) return;
            if (error instanceof DiskFull) throw error;
            if (failed++ === 0) say(messageOf(error));
          }
        }
      };
      try {
        await Promise.all(Array.from({ length: AT_ONCE }, work));
      } catch (error) {
        return say(messageOf(error));
      }
      await clock.sleep(AGAIN, signal).catch(() => undefined);
    }
  }

  /** Into the file that stands for it, wherever that goes meanwhile: it cannot be opened before it is whole. */
  async #fill(name: string, upload: KeptUpload, inode: string): Promise<boolean> {
    const { folder, bucket, kept } = this.#options;
    const { sha256, size } = upload;
    const at = path.join(folder, name);
    const file = await open(at, constants.O_RDWR | constants.O_NOFOLLOW).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new EverspotError(`could not write ${at}: ${messageOf(cause)}`, { resource: at, cause });
    });
    // Deleted or moved by the site: the log will hear of it.
    if (file === undefined) return false;
    try {
      if (String((await file.stat({ bigint: true })).ino) !== inode) return true;
      await this.#room(size);
      const content = await bucket.getUpload(sha256);
      if (content === undefined) throw new Damaged(mediaKey(sha256), "is gone");
      const hash = createHash("sha256");
      let from = 0;
      for await (const bytes of content) {
        hash.update(bytes);
        await file.write(bytes, 0, bytes.length, from);
        from += bytes.length;
      }
      if (hash.digest("hex") !== sha256)
        throw new Damaged(mediaKey(sha256), "does not have the content its name says");
      await file.truncate(from);
      await file.datasync();
      await file.chmod(0o664);
      const now = kept.get(name);
      if (now === upload) kept.saw(name, fingerprintOf(await file.stat({ bigint: true })));
      return true;
    } finally {
      await file.close();
    }
  }

  async #room(size: number): Promise<void> {
    const { bsize, bavail, blocks } = await statfs(this.#options.folder);
    if (bavail * bsize - size >= blocks * bsize * LEFT) return;
    throw new DiskFull(
      `the disk has no room for all uploads: ${Math.round((bavail * bsize) / 1e6)} MB are left`,
      {
        hint: "use a larger disk, or a storage of uploads in S3 (django-storages)",
      },
    );
  }
}

class DiskFull extends EverspotError {}
