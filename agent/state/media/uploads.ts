import type { BigIntStats } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../site/clock.ts";
import { messageOf } from "../../site/errors.ts";
import type { UploadBucket } from "../../site/state/bucket.ts";
import type { Upload } from "../../site/state/entry.ts";
import { boottime } from "../lease.ts";
import { Wake } from "../wake.ts";
import { Changes } from "./changes.ts";
import { fingerprintOf, NO_FILE, UploadFolder } from "./folder.ts";
import type { KeptUploads } from "./kept-uploads.ts";
import { sendUpload } from "./send.ts";

/** Milliseconds without a change after which an upload is taken for finished. An answer waits for it in "s3". */
const REST = { s3: 100, fast: 500 } as const;
/** Milliseconds between two looks when nothing was heard. */
const LOOK = 250;
/** Between two looks through the whole folder, and between those when that alone finds changes. */
const COMPARE = 600_000;
const COMPARE_BLIND = 2_000;
/** Until the next try for an upload that could not be read or sent. */
const AGAIN = 1_000;
/** Uploads sent side by side, and names in one entry of the log. */
const AT_ONCE = 4;
const MOST_NAMES = 256;
/** How many names that cannot be kept are reported. */
const MOST_TOLD = 5;

export interface UploadsOptions {
  folder: string;
  bucket: UploadBucket;
  kept: KeptUploads;
  durability: "fast" | "s3";
  /** A folder with room for the largest upload. */
  scratch: string;
  clock: Clock;
  signal: AbortSignal;
  say: (message: string) => void;
  /** Called when there is a name for the log, or `covered` has moved. */
  ring: () => void;
}

/** A change that is ready for the log: its content is in the bucket. */
export interface Ready {
  upload: Upload;
  /** Fingerprint of the file, or inode of the empty one that stands for it. */
  seen?: string;
  absent?: string;
}

/** Brings uploads into the bucket, and then gives their names for the log (STATE §6). */
export class Uploads {
  readonly #options: UploadsOptions;
  readonly #wake = new Wake();
  readonly #changes = new Changes();
  readonly #folder: UploadFolder;
  readonly #refused = new Map<string, string>();
  #ready: Ready[] = [];
  #inFlight = 0;
  #flush: "no" | "wanted" | "under way" = "no";
  #stopped = false;
  #missed = true;
  #nextCompare = 0;
  #covered = 0n;
  /** All that happened before was heard of. */
  #heard = 0n;
  #trouble: string | undefined;

  constructor(options: UploadsOptions) {
    this.#options = options;
    this.#folder = new UploadFolder(options.folder, {
      changed: (name) => this.#note(name),
      refused: (name, why) => this.#refuse(name, why),
      missed: () => {
        this.#missed = true;
        this.#wake.ring();
      },
    });
    options.signal.addEventListener("abort", () => this.#wake.ring());
  }

  /** Nanoseconds of CLOCK_BOOTTIME: all that was changed before is in the log. */
  get covered(): bigint {
    return this.#covered;
  }

  get status() {
    return {
      uploads: this.#options.kept.size,
      absent: this.#options.kept.absent,
      uploading: this.#changes.size,
      refused: [...this.#refused].slice(0, MOST_TOLD).map(([name, why]) => `${name}: ${why}`),
      trouble: this.#trouble ?? this.#folder.blind,
    };
  }

  /** For one entry of the log; the same again until they are `logged`. */
  next(): readonly Ready[] {
    return this.#ready.slice(0, MOST_NAMES);
  }

  /** An entry of the log has them. */
  logged(ready: readonly Ready[]): void {
    this.#ready = this.#ready.filter((one) => !ready.includes(one));
    for (const { upload, seen, absent } of ready) {
      if (seen !== undefined) this.#options.kept.saw(upload.name, seen);
      if (absent !== undefined) this.#options.kept.standsFor(upload.name, absent);
      this.#changes.end(upload.name);
    }
    this.#wake.ring();
  }

  /** All writing has ended: everything there is shall be in the log now. */
  flush(): void {
    if (this.#flush !== "no") return;
    this.#flush = "wanted";
    this.#missed = true;
    this.#wake.ring();
  }

  get flushed(): boolean {
    return this.#flush === "under way" && !this.#missed && this.#changes.size === 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#folder.close();
    this.#wake.ring();
  }

  /** Until it is stopped, or the signal. @throws what is a fault of this program. */
  async run(): Promise<void> {
    const { signal, durability, ring } = this.#options;
    while (!signal.aborted && !this.#stopped) {
      const mark = boottime();
      const { clock } = this.#options;
      const blind = this.#folder.blind !== undefined;
      if (this.#missed || clock.now() >= this.#nextCompare) await this.#compare();
      else {
        // After two turns Node has read all that Linux had to tell at the mark.
        await turn();
        await turn();
        this.#heard = mark;
      }
      if (!this.#missed) this.#covered = this.#changes.covered(blind ? this.#covered : mark);
      ring();
      const rest = this.#flush === "no" ? REST[durability] : 0;
      const due = this.#changes.due(boottime(), rest, AT_ONCE - this.#inFlight);
      for (const name of due) void this.#bring(name);
      const soon = this.#inFlight < AT_ONCE ? this.#changes.dueIn(boottime(), rest) : LOOK;
      if (due.length === 0) await this.#wake.wait(Math.max(1, Math.min(LOOK, soon)));
    }
    this.#folder.close();
  }

  /** @param since undefined: it was just heard of, and happened after all that was heard of before. */
  #note(name: string, since = this.#heard, counts = true): void {
    this.#refused.delete(name);
    this.#changes.note(name, boottime(), { since, counts });
    this.#wake.ring();
  }

  #refuse(name: string, why: string): void {
    if (!this.#refused.has(name)) this.#options.say(`upload ${JSON.stringify(name)} is not kept: ${why}`);
    this.#refused.set(name, why);
  }

  /** Looks through the folder for what differs from the log. What it finds may have changed at any time since. */
  async #compare(): Promise<void> {
    const { kept, durability, clock } = this.#options;
    if (this.#folder.look("") === undefined) {
      // No deletion of all there was: a site does not do that.
      this.#trouble = `${this.#folder.root} is gone`;
      return;
    }
    if (this.#flush === "wanted") this.#flush = "under way";
    this.#missed = false;
    const mark = boottime();
    const since = this.#covered;
    // Moving in: nothing was promised of what is there already.
    const counts = kept.size > 0 || durability === "s3";
    const gone = new Set(kept.names());
    for await (const { name, stats } of this.#folder.walk()) {
      gone.delete(name);
      if (this.#differs(name, stats)) this.#note(name, since, counts);
    }
    for (const name of gone) if (kept.get(name) !== undefined) this.#note(name, since, counts);
    const blind = this.#folder.blind !== undefined;
    this.#nextCompare = clock.now() + (blind ? COMPARE_BLIND : COMPARE);
    if (blind && !this.#missed) this.#covered = this.#changes.covered(mark);
  }

  #differs(name: string, stats: BigIntStats): boolean {
    const known = this.#options.kept.get(name);
    const empty = known?.absent === String(stats.ino) && (stats.mode & 0o777n) === 0o600n;
    return !empty && known?.seen !== fingerprintOf(stats);
  }

  async #bring(name: string): Promise<void> {
    this.#inFlight++;
    this.#changes.begin(name);
    try {
      const ready = await this.#read(name);
      if (ready === undefined) this.#changes.end(name);
      else this.#ready.push(ready);
      this.#trouble = undefined;
    } catch (error) {
      const message = `upload ${JSON.stringify(name)}: ${messageOf(error)}`;
      if (this.#trouble !== message && !this.#options.signal.aborted) this.#options.say(message);
      this.#trouble = message;
      this.#changes.again(name, boottime() + BigInt(AGAIN) * 1_000_000n);
    } finally {
      this.#inFlight--;
      this.#wake.ring();
      this.#options.ring();
    }
  }

  /** What the log is to say of it; undefined when it says so already. */
  async #read(name: string): Promise<Ready | undefined> {
    const { kept } = this.#options;
    const stats = this.#folder.look(name);
    const known = kept.get(name);
    if (stats?.isDirectory()) {
      const since = this.#changes.firstOf(name);
      for await (const file of this.#folder.walk(name)) {
        if (this.#differs(file.name, file.stats)) this.#note(file.name, since, since !== undefined);
      }
    } else if (stats !== undefined && !stats.isFile()) this.#refuse(name, NO_FILE);
    // What was never laid out here is not deleted by not being there.
    const wasHere = known?.seen !== undefined || known?.absent !== undefined;
    if (!stats?.isFile()) return wasHere ? { upload: { name } } : undefined;
    if (!this.#differs(name, stats)) return undefined;
    const moved = this.#standsFor(stats);
    if (moved !== undefined) {
      const { sha256, size } = moved;
      return { upload: { name, sha256, size }, absent: String(stats.ino) };
    }
    const seen = fingerprintOf(stats);
    const sent = await sendUpload(this.#folder.at(name), {
      ...this.#options,
      copied: this.#changes.isRestless(name, boottime()),
      has: (sha256) => this.#has(sha256),
    });
    if (sent === "refused") {
      this.#refuse(name, "the file may not be read: see FILE_UPLOAD_PERMISSIONS of Django");
      return undefined;
    }
    if (sent.sha256 === known?.sha256) {
      kept.saw(name, seen);
      return undefined;
    }
    return { upload: { name, ...sent }, seen };
  }

  /** The upload whose content was not fetched yet, and whose empty file has another name now. */
  #standsFor({ mode, ino }: BigIntStats): { sha256: string; size: number } | undefined {
    if ((mode & 0o777n) !== 0o600n) return undefined;
    for (const [, upload] of this.#options.kept) if (upload.absent === String(ino)) return upload;
    return undefined;
  }

  #has(sha256: string): boolean {
    for (const [, upload] of this.#options.kept) if (upload.sha256 === sha256) return true;
    return false;
  }
}
