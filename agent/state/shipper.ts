import { type FSWatcher, mkdirSync, statSync, watch } from "node:fs";
import path from "node:path";
import { EverspotError } from "../site/errors.ts";
import { Fenced } from "../site/state/errors.ts";
import { collectGarbage } from "../system/memory.ts";
import { type Attached, attach, compare } from "./attached.ts";
import { BaseKeeper } from "./base-keeper.ts";
import { LostTrack } from "./follower.ts";
import { gather } from "./gather.ts";
import { bootId, keptFile, readKept, writeKept } from "./kept.ts";
import { boottime, Lease } from "./lease.ts";
import { coveredOf, leaseStateOf } from "./lease-state.ts";
import { HEAVY, type Written } from "./log/log-writer.ts";
import { KeptUploads, uploadsFile } from "./media/kept-uploads.ts";
import type { Ready, Uploads } from "./media/uploads.ts";
import { type Late, SiteLog, type SiteLogOptions } from "./site-log.ts";
import { Wake } from "./wake.ts";

/** Frames of a write-ahead log after which it is copied into its database; SQLite's own number. */
const CHECKPOINT = 1_000;
/** Milliseconds between two looks when nothing was heard, and between two tries of a checkpoint. */
const LOOK = 250;
/** Entries that what is kept on the disk may be behind the log, and milliseconds of quiet after which it is not. */
const UNKEPT = 32;
const QUIET = 50;

/** Rounds after which memory is given back where there is much. */
const LOOKED_AT = 32;

/** Bytes of a write-ahead log, or so many times its database, from which on it has grown too much. */
const MOST_GROWN = 64 << 20;
const GROWN_TIMES = 4;

export interface ShipperOptions extends Omit<SiteLogOptions, "uploads"> {
  /** Where the databases are, and their paths in it. */
  folder: string;
  databases: readonly string[];
  /** A folder for what it keeps on the disk; with room for the largest database once more while it compares. */
  keeps: string;
  /** The lease's file, in memory. */
  lease: string;
  durability: "fast" | "s3";
  /** Brings uploads into the bucket, when the site has a folder of them; made once the log was read. */
  uploads: ((kept: KeptUploads, ring: () => void) => Uploads) | undefined;
  /** Milliseconds of the past that stay in the bucket. */
  history: number;
}

export type ShipperState = "starting" | "shipping" | "sealed" | "fenced";

interface Order {
  written: Written;
  done: (seq: number) => void;
  failed: (error: unknown) => void;
}

/** Ships what is written to a site's databases into its log, and tells the app how far that is (STATE §4). */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #wake = new Wake();
  readonly #lease: Lease;
  readonly #base: BaseKeeper;
  readonly #orders: Order[] = [];
  readonly #watchers: FSWatcher[] = [];
  #attached: Attached[] = [];
  #begun: SiteLog | undefined;
  #kept: KeptUploads | undefined;
  #uploads: Uploads | undefined;
  #state: ShipperState = "starting";
  readonly #boot = bootId();
  #nextCheckpoint = 0;
  /** It is asked to end; and since then all that was committed is in the bucket. */
  #ending = false;
  #finished = false;
  #failed: unknown;
  #full: string | undefined;
  /** Entries since what is kept was written. */
  #unkept = 0;
  #rounds = 0;
  /** Commits came while the last entry was on its way. */
  #crowded = false;
  #counts = { checkpoints: 0, compared: 0, longestHold: 0 };

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#lease = new Lease(options.lease);
    this.#base = new BaseKeeper(options.bucket, options);
    options.signal.addEventListener("abort", () => this.#wake.ring());
  }

  /** For `status`: frames in `behind`, milliseconds in `lag`, `bound` and `longestHold`, bytes in `rss`. */
  get status() {
    const covered = coveredOf(this.#attached);
    const uploads = this.#uploads?.status;
    return {
      state: this.#state,
      epoch: this.#options.me.epoch,
      seq: this.#begun?.place.seq ?? 0,
      behind: this.#attached.reduce((sum, { follower }) => sum + follower.behind, 0),
      lag: covered === 0n ? undefined : Number((boottime() - covered) / 1_000_000n),
      bound: this.#begun?.bound,
      ...this.#begun?.summary,
      ...this.#counts,
      bases: this.#base.published,
      pid: process.pid,
      grown: this.#grown,
      ...uploads,
      uploadsLag: this.#uploads?.covered
        ? Number((boottime() - this.#uploads.covered) / 1_000_000n)
        : undefined,
      rss: process.memoryUsage.rss(),
      trouble: this.#begun?.trouble ?? this.#full ?? uploads?.trouble,
    };
  }

  /** What somebody reads for so long that it cannot be copied into its database. */
  get #grown(): { file: string; bytes: number }[] {
    return this.#attached.flatMap(({ file, path: at, follower, copied }) => {
      const { bytes } = follower;
      const most = Math.max(MOST_GROWN, GROWN_TIMES * statSync(at).size);
      return bytes > most && follower.point !== copied ? [{ file, bytes }] : [];
    });
  }

  /** Writes an entry behind all that is committed now. @throws Fenced */
  order(written: Written): Promise<number> {
    if (this.#state === "fenced") return Promise.reject(new Fenced(this.#options.me.epoch + 1));
    if (this.#state === "sealed") return Promise.reject(new EverspotError("the site's state is sealed"));
    return new Promise((done, failed) => {
      this.#orders.push({ written, done, failed });
      this.#wake.ring();
    });
  }

  /** Has it end as soon as all that is committed is in the bucket. */
  finish(): void {
    this.#ending = true;
    this.#wake.ring();
  }

  /** Runs until the signal, or `finish`. After a seal, or when a later owner was met, it only says so. @throws EverspotError */
  async run(): Promise<void> {
    const { signal, me, say } = this.#options;
    try {
      await this.#start();
      while (!signal.aborted && this.#state === "shipping" && !this.#finished) await this.#round();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Fenced)) throw error;
      this.#state = "fenced";
      say(`epoch ${error.epoch} has the site: epoch ${me.epoch} ships no more`);
      for (const order of this.#orders.splice(0)) order.failed(error);
    } finally {
      for (const watcher of this.#watchers) watcher.close();
      this.#uploads?.stop();
      if (this.#unkept > 0) this.#keep();
      this.#tell();
    }
    while (!signal.aborted && !this.#ending) await this.#wake.wait(60_000);
  }

  close(): void {
    for (const { database, follower } of this.#attached) {
      database.close();
      follower.close();
    }
    this.#kept?.close();
    this.#lease.close();
  }

  async #start(): Promise<void> {
    const { me, keeps, folder, databases, durability } = this.#options;
    mkdirSync(keeps, { recursive: true });
    const kept = readKept(this.#keptFile);
    if (kept?.epoch !== me.epoch || kept.instance !== me.instance) {
      throw new EverspotError(`${this.#keptFile} is not of epoch ${me.epoch} of ${me.instance}`, {
        resource: this.#keptFile,
        hint: "restore the site's state first: that takes the log and leaves this file",
      });
    }
    this.#kept = KeptUploads.read(uploadsFile(keeps));
    const { log, files } = await SiteLog.resume({ ...this.#options, uploads: this.#kept }, kept);
    this.#begun = log;
    this.#base.note(kept.since.entries, kept.since.bytes);
    const about = { folder, durability, rebooted: kept.boot !== this.#boot };
    for (const file of databases) {
      const { one, compare: differs } = attach(file, files[file], about);
      this.#attached.push(one);
      if (differs) await this.#compare(one);
    }
    for (const directory of new Set(this.#attached.map((one) => path.dirname(one.path)))) {
      this.#watchers.push(watch(directory, () => this.#wake.ring()));
    }
    this.#uploads = this.#options.uploads?.(this.#kept, () => this.#wake.ring());
    this.#uploads?.run().catch((error: unknown) => {
      this.#failed = error;
      this.#wake.ring();
    });
    this.#state = "shipping";
    this.#keep();
  }

  async #round(): Promise<void> {
    // A long transaction rings thousands of times before there is anything to ship.
    if (++this.#rounds % LOOKED_AT === 0) collectGarbage();
    try {
      await this.#step();
    } catch (error) {
      if (!(error instanceof LostTrack)) throw error;
      this.#options.say(`${error.message}: comparing it with the log`);
      const one = this.#attached.find(({ file }) => file === error.file);
      if (one !== undefined) await this.#compare(one);
    }
  }

  async #step(): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    for (const one of this.#attached) {
      one.looked = boottime();
      one.follower.look();
      if (!one.follower.waiting) one.covered = one.looked;
    }
    this.#beginBase();
    const next = this.#next();
    const names = this.#uploads?.next() ?? [];
    if (next === undefined && names.length === 0) {
      if (this.#mayObey) await this.#obey();
      if (this.#ending && this.#nothingLeft) {
        this.#finished = true;
        return;
      }
      this.#maintain();
      this.#tell();
      if (this.#unkept > 0 && this.#wake.quiet > QUIET) this.#keep();
      if (this.#state === "shipping") await this.#wake.wait(this.#untilLook);
      return;
    }
    const { durability } = this.#options;
    // What was captured goes by itself: what is committed behind it would wait for two turns.
    const large = next?.follower.isLarge === true || (next?.follower.pending ?? 0) > 0;
    const hurry = durability === "s3" || this.#orders.length > 0 || this.#ending || large;
    const wait = hurry ? 0 : this.#log.dueIn;
    if (wait === 0 && names.length > 0) await this.#name(names);
    if (wait === 0 && next !== undefined) {
      if (this.#crowded && this.#options.durability === "s3")
        await gather(next.follower, this.#options.clock);
      await this.#ship(next);
    }
    this.#maintain();
    this.#tell();
    if (wait > 0) await this.#options.clock.sleep(Math.min(wait, LOOK), this.#options.signal);
  }

  /**
   * Milliseconds. A transaction's frames are written, and then perhaps flushed, before the index says that it is
   * committed; and that causes no event.
   */
  get #untilLook(): number {
    const { quiet } = this.#wake;
    return quiet < LOOK ? Math.max(1, quiet / 4) : LOOK;
  }

  /** The database that has waited longest; before a base is begun only what was captured for it. */
  #next(): Attached | undefined {
    const waiting = this.#attached.filter(({ follower }) =>
      this.#base.isCut ? follower.pending > 0 : follower.waiting,
    );
    return waiting.sort((a, b) => Number(a.covered - b.covered))[0];
  }

  async #ship(one: Attached): Promise<void> {
    const part = one.follower.next();
    if (part === undefined) return;
    const { late } = await this.#log.append({ kind: "data", frames: part.frames }, part.body);
    this.#base.note(1, part.body.length);
    if (late === undefined) one.follower.shipped(part.frames);
    else this.#met(late);
    if (!one.follower.waiting) one.covered = one.looked;
    // First of all those who wait for it.
    this.#tell();
    if (part.body.length >= HEAVY) collectGarbage();
    one.follower.look();
    this.#crowded = one.follower.waiting;
    this.#keepSoon();
  }

  async #name(ready: readonly Ready[]): Promise<void> {
    const { late } = await this.#log.append({ kind: "data", media: ready.map(({ upload }) => upload) });
    this.#base.note(1, 0);
    if (late === undefined) this.#uploads?.logged(ready);
    else this.#met(late);
    this.#keepSoon();
  }

  /** A seal comes behind all uploads there are. */
  get #mayObey(): boolean {
    return this.#orders[0]?.written.kind !== "seal" || this.#nothingLeft;
  }

  /** Whether no upload is left to send. From the first time that this is asked, no more are expected. */
  get #nothingLeft(): boolean {
    this.#uploads?.flush();
    return this.#uploads?.flushed ?? true;
  }

  /** An entry of a run before turned up. */
  #met({ frames }: Late): void {
    if (frames === undefined) return;
    this.#attached.find((one) => one.file === frames.file)?.follower.shipped(frames);
  }

  async #compare(one: Attached): Promise<void> {
    // Its checkpoint changes the file that a base is read from.
    await this.#base.release();
    const begun = boottime();
    const { entries, bytes } = await compare(one, this.#log, this.#options);
    this.#counts.compared++;
    this.#base.note(entries, bytes);
    one.covered = begun;
    if (this.#state === "shipping") this.#keep();
  }

  async #obey(): Promise<void> {
    for (let order = this.#orders.shift(); order !== undefined; order = this.#orders.shift()) {
      try {
        let done = await this.#log.append(order.written);
        while (done.late !== undefined) {
          this.#met(done.late);
          done = await this.#log.append(order.written);
        }
        if (order.written.kind === "seal") this.#state = "sealed";
        this.#base.note(1, 0);
        this.#keep();
        order.done(done.seq);
        if (this.#state === "sealed") return;
      } catch (error) {
        order.failed(error);
        throw error;
      }
    }
  }

  /** Copies write-ahead logs that have grown into their databases, and cuts a base when one is due. */
  #maintain(): void {
    const now = this.#options.clock.now();
    if (this.#base.needsFiles || this.#state !== "shipping" || now < this.#nextCheckpoint) return;
    // A base behind the mark of a trial would hide it from whoever comes next.
    const mayBase = this.#log.tried === undefined;
    const due =
      mayBase && this.#base.isDue(this.#attached.reduce((sum, one) => sum + statSync(one.path).size, 0));
    const grown = this.#attached.filter(
      ({ follower, copied }) => due || (follower.frames > CHECKPOINT && follower.point !== copied),
    );
    if (grown.length === 0) return;
    let complete = true;
    for (const one of grown) {
      const done = one.database.checkpoint(() => one.follower.capture());
      this.#counts.longestHold = Math.max(this.#counts.longestHold, Math.round(done.held));
      if (done.complete) {
        this.#counts.checkpoints++;
        one.copied = one.follower.point;
      }
      complete &&= done.complete;
    }
    this.#nextCheckpoint = now + LOOK;
    if (due && complete) this.#base.cut();
  }

  /** Once the log is where the databases' files are: they do not change before the next checkpoint. */
  #beginBase(): void {
    if (!this.#base.isCut || this.#attached.some((one) => one.follower.pending > 0)) return;
    const sources = this.#attached.map(({ file, path: at, database: { descriptor, page } }) => ({
      ...{ file, path: at, descriptor, page },
    }));
    this.#base.begin(
      this.#log.place,
      sources,
      new Map([...(this.#kept ?? [])].map(([name, { sha256, size }]) => [name, { sha256, size }])),
    );
  }

  get #log(): SiteLog {
    if (this.#begun === undefined) throw new Error("the log was not read yet");
    return this.#begun;
  }

  #tell(): void {
    this.#lease.write(
      leaseStateOf(this.#attached, {
        bound: this.#begun?.bound ?? 0,
        uploads: this.#options.uploads && (this.#uploads?.covered ?? 0n),
        over: this.#state === "sealed" || this.#state === "fenced",
      }),
    );
  }

  get #keptFile(): string {
    return keptFile(this.#options.keeps);
  }

  /** To put a file in another's place takes milliseconds, while the next commit waits. */
  #keepSoon(): void {
    if (++this.#unkept >= UNKEPT) this.#keep();
  }

  /** It may be older than the log, as with a full disk it stays: what is missing is read from there. */
  #keep(): void {
    this.#unkept = 0;
    try {
      this.#writeKept();
      this.#full = undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      this.#full = `the disk is full: ${this.#keptFile} is not written`;
    }
  }

  #writeKept(): void {
    const { me } = this.#options;
    writeKept(this.#keptFile, {
      version: 1,
      epoch: me.epoch,
      instance: me.instance,
      boot: this.#boot,
      sealed: this.#state === "sealed",
      place: this.#log.place,
      files: Object.fromEntries(
        this.#attached.flatMap(({ file, follower }) =>
          follower.position ? [[file, follower.position]] : [],
        ),
      ),
      since: this.#base.since,
      tried: this.#log.tried,
    });
  }
}
