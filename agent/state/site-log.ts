import type { Clock } from "../site/clock.ts";
import type { StateBucket } from "../site/state/bucket.ts";
import type { Frames, Header } from "../site/state/entry.ts";
import { Fenced } from "../site/state/errors.ts";
import type { Place } from "../site/state/place.ts";
import { readLog } from "../site/state/read-log.ts";
import { Trials, type Tried } from "../site/state/trials.ts";
import { keptAfter } from "./attached.ts";
import type { Kept } from "./kept.ts";
import type { Writer } from "./log/fence-ahead.ts";
import { LogWriter, type Written } from "./log/log-writer.ts";
import type { KeptUploads } from "./media/kept-uploads.ts";
import { dueIn, fullPace, longestPace, type Pace, spent } from "./pace.ts";
import { Puts } from "./puts.ts";

export interface SiteLogOptions {
  bucket: StateBucket;
  me: Writer;
  /** Called with each entry that names some. */
  uploads: Pick<KeptUploads, "logged">;
  /** Dollars a month for PUTs. */
  budget: number;
  clock: Clock;
  signal: AbortSignal;
  say: (message: string) => void;
}

/** The log as the shipper writes it: at its pace, and with what it has met and measured. */
export class SiteLog {
  readonly #options: SiteLogOptions;
  readonly #puts = new Puts();
  readonly #writer: LogWriter;
  readonly #trials: Trials;
  #pace: Pace;
  /** What S3 says at the moment, if it does not do what it is asked. */
  trouble: string | undefined;

  private constructor(options: SiteLogOptions, place: Place, trials: Trials) {
    const { bucket, me, clock, budget, say } = options;
    this.#options = options;
    this.#trials = trials;
    this.#pace = fullPace(budget, clock.now());
    this.#writer = new LogWriter(bucket, me, place, {
      ...options,
      onTrouble: ({ message }) => {
        if (this.trouble !== message) say(message);
        this.trouble = message;
      },
    });
  }

  /**
   * Goes on from what was kept: reads what is in the log beyond it, of this owner before it died.
   * @throws Fenced when it is of a later one.
   */
  static async resume(options: SiteLogOptions, kept: Kept): Promise<{ log: SiteLog; files: Kept["files"] }> {
    let { files } = kept;
    const trials = new Trials(kept.tried);
    const place = await readLog(options.bucket, kept.place, {
      onEntry: ({ seq, entry: { header }, counts }) => {
        if (header.epoch > options.me.epoch) throw new Fenced(header.epoch);
        if (counts) trials.saw(seq, header);
        if (!counts || header.kind !== "data") return undefined;
        options.uploads.logged(header.media ?? []);
        if (header.frames !== undefined) files = keptAfter(files, header.frames);
        return undefined;
      },
    });
    return { log: new SiteLog(options, place, trials), files };
  }

  get place(): Place {
    return this.#writer.place;
  }

  /** A release that is tried on the databases. */
  get tried(): Tried | undefined {
    return this.#trials.tried;
  }

  get summary() {
    return this.#puts.summary;
  }

  /** Milliseconds until the next PUT is due. */
  get dueIn(): number {
    return dueIn(this.#pace, this.#options.budget, this.#options.clock.now());
  }

  /** Milliseconds: what is committed now is in the bucket after so long, if all goes well. */
  get bound(): number {
    return longestPace(this.#pace, this.#options.budget) + this.#puts.slowest;
  }

  /**
   * @returns frames that an entry of a run before has brought into the log instead: ours was not written then.
   * @throws Fenced
   */
  async append(written: Written, body?: Buffer): Promise<{ seq: number; late: Late | undefined }> {
    const { clock, budget } = this.#options;
    const begun = clock.now();
    const { seq, late } = await this.#writer.append(written, body);
    this.trouble = undefined;
    this.#puts.add(clock.now() - begun, body?.length ?? 0);
    this.#pace = spent(this.#pace, budget, clock.now());
    const header = late === undefined ? written : late.header;
    this.#trials.saw(seq, header);
    if (header.kind === "data") this.#options.uploads.logged(header.media ?? []);
    return { seq, late: late === undefined ? undefined : lateOf(late.header) };
  }
}

/** An entry of a run before that turned up; with the frames it has. */
export interface Late {
  frames: Frames | undefined;
}

const lateOf = (header: Header): Late => ({ frames: header.kind === "data" ? header.frames : undefined });
