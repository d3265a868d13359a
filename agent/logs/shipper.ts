import { type LogSink, Unsure } from "../ports/log-sink.ts";
import type { Clock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { streamName } from "../site/logs/streams.ts";
import { batchesOf, type Line } from "./batches.ts";
import { brake } from "./brake.ts";
import { isUpTo, missingBetween } from "./cursor.ts";
import { type Entry, placeOf } from "./entry.ts";
import type { OpenTail, Tail } from "./journal.ts";
import { type Kept, type Progress, type Sent, sentOf } from "./kept.ts";

/**
 * Milliseconds that a line waits for others, a step at a time. What was written more than 2 s before the machine dies is
 * to be kept: the journal tells of a line within 0.25 s, and a call takes some tenths.
 */
const WAIT = { usual: 1_000, hurried: 200, step: 100 };
/** Seconds before the next try, doubled with each; and where AWS refuses for good. */
const RETRY = { first: 1, most: 60, refused: 600 };
/** Seconds within which CloudWatch Logs shows what it has, and between two looks. */
const SHOWN = { within: 10, every: 2 };
/** Milliseconds in which the last lines are sent when the agent ends, and without a line after which there are no more. */
const FLUSH = { most: 2_000, quiet: 300 };

export interface ShipperOptions {
  instance: string;
  sink: LogSink;
  tail: OpenTail;
  kept: Kept;
  clock: Clock;
  /** Megabytes of a day. */
  most: number;
  /** Takes secrets out of lines of one output. */
  redact(lines: readonly string[]): string[];
  /** Resolves once the secrets are known that `redact` takes out. @throws when they cannot be read. */
  secretsKnown(): Promise<void>;
  /** Into the agent's own log, and so to where it is kept. */
  tell(text: string): void;
  /** To whoever is to hear of it at once. */
  notify(text: string): void;
}

/**
 * Brings the journal into CloudWatch Logs, each line once: what is sent is noted before and after, and if it is unknown
 * whether a call was carried out, CloudWatch Logs is asked. While it cannot be reached nothing is held in memory: the
 * journal is read again from where it was kept.
 */
export class Shipper {
  readonly #options: ShipperOptions;
  #progress!: Progress;
  #wait = WAIT.usual;
  #last: string | undefined;
  #trouble: string | undefined;

  constructor(options: ShipperOptions) {
    this.#options = options;
  }

  /** The machine has little time left. */
  hurry(): void {
    this.#wait = WAIT.hurried;
  }

  /** Returns when the signal is aborted and the last lines were sent, or given up after some seconds. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, kept, tail, secretsKnown } = this.#options;
    const over = new AbortController();
    const flush = () => void clock.sleep(FLUSH.most).then(() => over.abort());
    signal.addEventListener("abort", flush, { once: true });
    this.#progress = await kept.read();
    let reader: Tail | undefined;
    for (let tries = 0; !over.signal.aborted; ) {
      try {
        await secretsKnown();
        await this.#settle(over.signal);
        reader ??= tail(this.#progress.cursor);
        const entries = await this.#gather(reader, signal);
        if (entries.length > 0) await this.#send(entries, over.signal);
        else if (signal.aborted) break;
        if (reader.ended !== undefined) throw new EverspotError(reader.ended, { retry: "retry" });
        if (this.#trouble !== undefined) this.#options.tell("log: it is kept in CloudWatch Logs again");
        this.#trouble = undefined;
        tries = 0;
      } catch (error) {
        reader?.close();
        reader = undefined;
        if (signal.aborted) break;
        this.#tell(error);
        const refused = error instanceof EverspotError && error.retry === "fatal";
        const pause = refused ? RETRY.refused : Math.min(RETRY.most, RETRY.first * 2 ** tries++);
        await clock.sleep(pause * 1000, signal).catch(() => undefined);
      }
    }
    reader?.close();
  }

  /** What came in a second, or as much as is read at a time; nothing where there is no more while the agent ends. */
  async #gather(reader: Tail, signal: AbortSignal): Promise<Entry[]> {
    const { clock } = this.#options;
    if (!signal.aborted) await reader.filled(signal).catch(() => undefined);
    const from = clock.now();
    while (!reader.full && clock.now() - from < (signal.aborted ? FLUSH.quiet : this.#wait)) {
      await clock.sleep(WAIT.step);
    }
    return reader.take();
  }

  async #send(entries: readonly Entry[], over: AbortSignal): Promise<void> {
    const { clock, sink, most, tell, notify, redact } = this.#options;
    const before = this.#progress;
    this.#count(entries);
    const now = clock.now();
    const braked = brake(this.#linesOf(entries), before.day, now, most);
    for (const notice of braked.notices) tell(notice);
    if (braked.began) notify(braked.notices.at(-1) ?? "");
    const batches = batchesOf(braked.lines, before.ends, now, redact);
    const cursor = entries.at(-1)?.cursor;
    if (batches.length > 0) await this.#note({ sending: batches.map(sentOf) });
    for (const batch of batches) {
      over.throwIfAborted();
      try {
        const refused = await unlessOver(sink.put(batch.stream, batch.lines), over);
        if (refused > 0) tell(`log: ${refused} lines of ${batch.stream} were too old for CloudWatch Logs`);
      } catch (error) {
        await this.#note({ sending: error instanceof Unsure ? [sentOf(batch)] : [] });
        throw error;
      }
      this.#came(sentOf(batch));
    }
    const ahead = Object.entries(this.#progress.ahead).filter(([, to]) => !isUpTo(to, cursor ?? ""));
    await this.#note({ cursor, day: braked.day, sending: [], ahead: Object.fromEntries(ahead) });
  }

  #linesOf(entries: readonly Entry[]): Line[] {
    const { ahead } = this.#progress;
    const { instance } = this.#options;
    return entries.flatMap((entry) => {
      const place = placeOf(entry);
      if (place === undefined) return [];
      const { cursor, at } = entry;
      const stream = streamName({ ...place, instance });
      const kept = ahead[stream];
      if (kept !== undefined && isUpTo(cursor, kept)) return [];
      return entry.lines.map((text) => ({ stream, at, text, cursor }));
    });
  }

  /** Whether any are missing: those that the journal dropped to make room, or that are too long to be read. */
  #count(entries: readonly Entry[]): void {
    let missing = 0;
    let last = this.#last ?? this.#progress.cursor;
    for (const { cursor } of entries) {
      if (last !== undefined) missing += missingBetween(last, cursor);
      last = cursor;
    }
    this.#last = last;
    if (missing > 0)
      this.#options.tell(
        `log: ${missing} entries of the journal were gone, or too long, before they were kept`,
      );
  }

  /** Finds out what became of what an earlier call, or an earlier agent, was about to send. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { clock, sink } = this.#options;
    for (const sent of this.#progress.sending) {
      const until = clock.now() + SHOWN.within * 1000;
      for (;;) {
        const shown = await sink.count(sent.stream, sent.from, sent.until);
        if (shown >= sent.shown) {
          this.#came(sent);
          break;
        }
        if (clock.now() >= until) break;
        await clock.sleep(SHOWN.every * 1000, signal);
      }
    }
    if (this.#progress.sending.length > 0) await this.#note({ sending: [] });
  }

  #came({ stream, end, to }: Sent): void {
    const { ends, ahead } = this.#progress;
    this.#progress = {
      ...this.#progress,
      ends: { ...ends, [stream]: end },
      ahead: { ...ahead, [stream]: to },
    };
  }

  async #note(more: Partial<Progress>): Promise<void> {
    this.#progress = { ...this.#progress, ...more };
    // A disk that is full is no reason to be silent about it.
    await this.#options.kept.write(this.#progress).catch(() => undefined);
  }

  /** Once for each trouble: its report is a line of the journal, too. */
  #tell(error: unknown): void {
    const message = messageOf(error);
    if (message === this.#trouble) return;
    this.#trouble = message;
    const hint = error instanceof EverspotError && error.hint !== undefined ? `; ${error.hint}` : "";
    this.#options.tell(`log: ${message}${hint}`);
  }
}

/** A call that the agent's end does not wait for: the next agent asks what became of it. */
function unlessOver<T>(call: Promise<T>, over: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = () => reject(new Unsure("the agent ended"));
    over.addEventListener("abort", give, { once: true });
    call.then(resolve, reject).finally(() => over.removeEventListener("abort", give));
  });
}
