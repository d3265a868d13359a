/** What a site with `[state]` has written, as far as this instance keeps it (STATE §4, §5). */

import type { BootConfig } from "../../user-data/boot-config.ts";
import type { Drilled } from "../site/state/drilled.ts";

export type StateTable = NonNullable<BootConfig["state"]>;

/** As the shipper says it; agent/state/shipper.ts. Milliseconds, bytes. */
export interface StateStatus {
  state: "starting" | "shipping" | "sealed" | "fenced";
  epoch: number;
  /** The last number of the log that it knows. */
  seq: number;
  /** Frames that are not in the bucket yet. */
  behind: number;
  /** Since what was committed longest ago and is not there; undefined before the first look. */
  lag?: number;
  /** What is committed now is in the bucket after so long, if all goes well. */
  bound?: number;
  puts?: number;
  bytes?: number;
  putMedian?: number;
  bases?: number;
  rss?: number;
  /** The keeper's process. */
  pid?: number;
  /** Databases whose write-ahead log grows, for somebody reads them; with its bytes. */
  grown?: { file: string; bytes: number }[];
  /** Since what was changed longest ago among the uploads and is not there; undefined where none are kept. */
  uploadsLag?: number;
  /** Uploads that cannot be kept, each with the reason; the first ones. */
  refused?: string[];
  /** What S3 says at the moment, if it does not do what it is asked. */
  trouble?: string;
}

/** A process that reads a database. */
export interface Reader {
  pid: number;
  name: string;
  /** Since it began. */
  seconds: number;
  /** It is of the site's code. */
  ours: boolean;
}

export interface TakenOver {
  /** Where the log ends, under this instance's own fence. */
  seq: number;
  /** The base that was read; undefined: the log was read from its beginning. */
  base?: number | undefined;
  /** How many of the log came after the base. */
  entries: number;
  /** Databases that were brought back. */
  files: string[];
  /** Whether another owner was open since this instance had the log, if it had it. */
  opened: boolean;
  uploads: number;
  troubles: string[];
}

/** What this instance's own disk says of the last time it had the log. */
export interface KeptState {
  epoch: number;
  instance: string;
  sealed: boolean;
}

/**
 * The process that keeps the site's state, on this instance. The log decides who may write, so every call that writes
 * may find that a later owner has it.
 *
 * Errors: Fenced (agent/site/state/errors.ts) with the later epoch; EverspotError with the process's last words.
 * Repeating any call is safe: an epoch is one instance's forever.
 */
export interface StateKeeper {
  /**
   * Makes the user that keeps the state, folders, and what the units of the site's code need for it. First of all calls.
   * @returns that user.
   */
  ready(): Promise<{ uid: number }>;
  /** Hands the instance's credentials down to the process, as long as the signal allows. Never rejects. */
  handDown(signal: AbortSignal): Promise<void>;
  /** Undefined: this instance never had the log, or cannot say. */
  kept(): Promise<KeptState | undefined>;
  /**
   * Takes the log with an epoch of this instance's own, and brings the databases onto the disk, in place of what is
   * there. Ends all of the site's own code and the shipper before.
   */
  takeOver(epoch: number, signal?: AbortSignal): Promise<TakenOver>;
  /**
   * Takes the log again after an own `seal`; ends what `takeOver` ends. `rewound`: the databases here are what the log is again, and `start` goes on
   * with them; if not, a later owner was open meanwhile, and `takeOver` is what comes next.
   */
  goBack(epoch: number, signal?: AbortSignal): Promise<{ rewound: boolean; seq: number }>;
  /**
   * Has the shipper ship under this epoch, which was taken before; nothing to do when it does. The site's own code may
   * start from here on.
   */
  start(epoch: number, signal?: AbortSignal): Promise<void>;
  /** Ends all of the site's own code, and keeps it from starting; then the shipper, once it has shipped what is committed. */
  stop(): Promise<void>;
  /** Restarts a shipper that hangs; it goes on where it was. */
  revive(): Promise<void>;
  /** Who reads a database just now, besides the shipper. @param file by its path, as the status has it. */
  readers(file: string): Promise<Reader[]>;
  /** Percent of the disk that databases are on. */
  diskUsed(): Promise<number>;
  /** From here on what the app writes may be acknowledged. @returns the entry's number. */
  open(): Promise<number>;
  /**
   * Ends all of the site's own code, and keeps it from starting until the next `start`, whoever asks; ships what is
   * committed and seals the log. @returns the entry's number.
   */
  seal(): Promise<number>;
  /** Whether the site's own code may not start: this instance has sealed, and no `start` came since. */
  sealed(): Promise<boolean>;
  /**
   * A release is tried on the data: ends all of the site's own code, sets a mark before it, and lets the code start again.
   * Nothing may be answered from what it writes until `endTrial`.
   */
  beginTrial(release: string): Promise<void>;
  /** The release that is tried; undefined: none, or what this disk had of it is not the log's any more. */
  trial(): Promise<string | undefined>;
  /** It serves: what it has written stays. */
  endTrial(): Promise<void>;
  /**
   * It does not: ends all of the site's own code, and makes the data what they were at the mark. Whoever serves next starts
   * with `start`. Nothing is changed where the log was opened since.
   */
  takeBackTrial(signal?: AbortSignal): Promise<void>;
  /** Undefined when no shipper answers. */
  status(): Promise<StateStatus | undefined>;
  /**
   * Brings what is in the bucket now into a folder of its own, in place of what is there, and takes nothing.
   * @param name of the copy. @returns the folder, the log's last number, and the databases by their paths in the folder.
   */
  copy(name: string, signal?: AbortSignal): Promise<{ folder: string; seq: number; files: string[] }>;
  /** Brings what is in the bucket into a folder of its own, looks whether it is whole, and ends with it. */
  drill(signal?: AbortSignal): Promise<Pick<Drilled, "entry" | "as" | "seconds" | "failures" | "databases">>;
  /** Ends with the copy. */
  dropCopy(name: string): Promise<void>;
}

/** How an instance that was launched without `[state]` brings along what it has written. */
export interface Bringing {
  /** What it brings; undefined: it was not asked to. */
  what: StateTable | undefined;
  /**
   * Brings what there is to the bucket while the app works, and notes that this instance, from the next start of the agent
   * on, hands the site over as one does that keeps its state. Safe to repeat.
   * @throws EverspotError: nothing is changed then.
   */
  begin(
    state: StateTable,
    at: { epoch: number; release: string },
    say: (detail: string) => void,
    signal: AbortSignal,
  ): Promise<void>;
}
