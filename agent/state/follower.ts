import type { Frames } from "../site/state/entry.ts";
import { FRAME_HEADER } from "../site/state/frames.ts";
import { counted, type Position } from "./position.ts";
import { WalFile } from "./wal-file.ts";

/** Bytes of frames in one entry; a larger transaction goes into several. */
const LARGEST = 1 << 20;
/** Bytes that may be taken into memory for a checkpoint. */
const MOST_CAPTURED = 1 << 20;

/** The next entry of a database. */
export interface Part {
  frames: Frames;
  body: Buffer;
}

/** Frames of the generation before that are not in the bucket yet. */
interface Captured {
  salt: string;
  page: number;
  from: number;
  bytes: Buffer;
}

/** What of one database is not in the bucket yet, in the order in which it goes there. */
export class Follower {
  readonly file: string;
  readonly #wal: WalFile;
  #captured: Captured | undefined;
  #position: Position | undefined;
  /** The generation as of the last look. */
  #seen: Position | undefined;
  /** Frames of that generation that were taken while no process could write: behind them it may be reset. */
  #drained: number | undefined;
  /** For the frames of a large entry: one after the other, they need no memory of their own. */
  #room: Buffer | undefined;

  /** @param path of the database, which this process has open. */
  constructor(file: string, path: string) {
    this.file = file;
    this.#wal = new WalFile(path);
  }

  /**
   * Goes on where a run before left off. "other": this is not the write-ahead log it left. "behind": it is, or one from
   * before, but what was in it was lost with the power; the bucket has more.
   */
  resume({ salt, frame }: Position): "goes on" | "other" | "behind" {
    this.#wal.look();
    const { generation } = this.#wal;
    if (generation === undefined) return "other";
    if (generation.salt !== salt) return isLater(salt, generation.salt) ? "behind" : "other";
    if (generation.committed < frame) return "behind";
    this.#position = { salt, frame };
    this.#seen = { salt, frame: generation.committed };
    return "goes on";
  }

  /** The database's file is what is in the bucket, and of the write-ahead log nothing. */
  startUntouched(): void {
    this.#wal.look();
    const { generation } = this.#wal;
    this.#position = { salt: generation?.salt ?? NONE, frame: 0 };
    this.#seen = { salt: this.#position.salt, frame: generation?.committed ?? 0 };
    this.#drained = generation === undefined ? 0 : undefined;
  }

  /** The database as it is, with the write-ahead log up to here, is what is in the bucket, or will be by other ways. */
  startAfresh(): void {
    this.#wal.look();
    const { generation } = this.#wal;
    this.#captured = undefined;
    this.#position = { salt: generation?.salt ?? NONE, frame: generation?.committed ?? 0 };
    this.#seen = this.#position;
    this.#drained = this.#position.frame;
  }

  /** How far it is in the bucket. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Frames that were taken out of the generation before, and are not in the bucket yet. */
  get pending(): number {
    const { bytes, page } = this.#captured ?? {};
    return bytes === undefined || page === undefined ? 0 : bytes.length / (FRAME_HEADER + page);
  }

  /** Frames of the current generation that are not in the bucket yet. */
  get unshipped(): number {
    const { generation } = this.#wal;
    if (generation === undefined) return 0;
    return generation.committed - (this.#position?.salt === generation.salt ? this.#position.frame : 0);
  }

  get frames(): number {
    return this.#wal.generation?.committed ?? 0;
  }

  /** How much the current generation has in its file. */
  get bytes(): number {
    const { generation } = this.#wal;
    return generation === undefined ? 0 : generation.committed * (FRAME_HEADER + generation.page);
  }

  /** Another one after each commit. */
  get point(): string {
    const { generation } = this.#wal;
    return `${generation?.salt} ${generation?.committed}`;
  }

  /** Frames that are not in the bucket yet, wherever they are. */
  get behind(): number {
    const moved = this.#captured !== undefined && this.#captured.salt !== this.#wal.generation?.salt;
    return this.unshipped + (moved ? this.pending : 0);
  }

  get waiting(): boolean {
    return this.behind > 0;
  }

  /** Whether it takes more than one entry: at the pace of small ones it would never be there. */
  get isLarge(): boolean {
    const { generation } = this.#wal;
    return generation !== undefined && this.unshipped * (FRAME_HEADER + generation.page) > LARGEST;
  }

  /** @throws LostTrack when the write-ahead log was reset before all of it was read. */
  look(): void {
    this.#wal.look();
    const { generation } = this.#wal;
    if (generation === undefined) {
      if (this.#seen !== undefined && this.#seen.frame !== this.#drained) throw new LostTrack(this.file);
      return;
    }
    const { salt, committed } = generation;
    if (this.#seen?.salt !== salt && this.#seen?.frame !== this.#drained) throw new LostTrack(this.file);
    if (this.#seen?.salt !== salt) this.#drained = undefined;
    this.#seen = { salt, frame: committed };
    if (this.#captured === undefined && this.#position?.salt !== salt) this.#position = { salt, frame: 0 };
    if (this.#position?.salt === salt && this.#position.frame > committed) throw new LostTrack(this.file);
  }

  /**
   * Takes what is not in the bucket yet into memory, so that the write-ahead log may be reset. No process writes now.
   * @returns false when that is too much.
   */
  capture(): boolean {
    this.look();
    const { generation } = this.#wal;
    if (this.#captured !== undefined) return false;
    if (generation === undefined || this.#position === undefined) return false;
    const size = FRAME_HEADER + generation.page;
    if (this.unshipped * size > MOST_CAPTURED) return false;
    if (this.unshipped > 0) {
      const { salt, page, committed } = generation;
      const { frame } = this.#position;
      this.#captured = { salt, page, from: frame, bytes: this.#wal.frames(frame, committed) };
    }
    this.#drained = generation.committed;
    return true;
  }

  /** Undefined when everything is in the bucket. The body is as it is until the next call. */
  next(): Part | undefined {
    const { file } = this;
    if (this.#captured !== undefined) {
      const { salt, page, from, bytes } = this.#captured;
      const to = from + bytes.length / (FRAME_HEADER + page);
      return { frames: { file, page, salt, from, to }, body: bytes };
    }
    const { generation } = this.#wal;
    if (generation === undefined || this.unshipped === 0 || this.#position === undefined) return undefined;
    const { salt, page, committed } = generation;
    const from = this.#position.frame;
    const most = Math.max(1, Math.floor(LARGEST / (FRAME_HEADER + page)));
    const to = Math.min(committed, from + most);
    const frames = { file, page, salt, from, to, ...(to < committed && { unfinished: true as const }) };
    const bytes = (to - from) * (FRAME_HEADER + page);
    if (bytes < LARGEST / 2) return { frames, body: this.#wal.frames(from, to) };
    this.#room ??= Buffer.allocUnsafe(Math.max(LARGEST, FRAME_HEADER + page));
    return { frames, body: this.#wal.frames(from, to, this.#room) };
  }

  /** An entry with these frames is in the log. */
  shipped(frames: Frames): void {
    this.#position = counted(this.#position, frames);
    if (this.#position === undefined) throw new LostTrack(this.file);
    const captured = this.#captured;
    if (captured === undefined || frames.salt !== captured.salt) return;
    const size = FRAME_HEADER + captured.page;
    const done = (frames.to - captured.from) * size;
    this.#captured =
      done >= captured.bytes.length
        ? undefined
        : { ...captured, from: frames.to, bytes: captured.bytes.subarray(done) };
  }

  close(): void {
    this.#wal.close();
  }
}

/** The first salt grows by one with each generation, and begins anywhere (wrapping at 32 bits). */
function isLater(salt: string, than: string): boolean {
  const ahead = (Number.parseInt(salt.slice(0, 8), 16) - Number.parseInt(than.slice(0, 8), 16)) >>> 0;
  return ahead > 0 && ahead < 2 ** 31;
}

/** There is no write-ahead log: whichever comes is the next. */
const NONE = "f".repeat(16);

/** It is no longer known how much of a write-ahead log is in the bucket. */
export class LostTrack extends Error {
  override readonly name = "LostTrack";
  readonly file: string;
  constructor(file: string) {
    super(`lost track of what was written to ${file}`);
    this.file = file;
  }
}
