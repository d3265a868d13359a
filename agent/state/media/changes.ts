/** Milliseconds after which a file counts as changed long enough: what is still being written to it comes later. */
const LONGEST = 5_000;

interface Change {
  /** Nanoseconds of CLOCK_BOOTTIME of the first change that is not in the bucket; undefined: no answer waits. */
  first: bigint | undefined;
  /** When the last one came. */
  last: bigint;
  /** When the first one came since its content is being read; undefined: it is not, or nothing came since. */
  since: bigint | undefined;
  reading: boolean;
  /** The earliest time for the next try. */
  after: bigint;
}

/**
 * Which uploads have changed and are not in the bucket yet. Linux tells Node.js of each write and not of the last one,
 * so an upload is taken for finished once nothing was written to it for a while; whatever comes later is a change
 * again. What an answer may tell of was written before it, so it is safe once no change from before is left.
 * Times in nanoseconds of CLOCK_BOOTTIME.
 */
export class Changes {
  readonly #changes = new Map<string, Change>();

  get size(): number {
    return this.#changes.size;
  }

  /**
   * @param since the earliest that it may have been changed: the notice of it comes later.
   * @param counts false: no answer waits for it, for it was there before anything was promised.
   */
  note(name: string, now: bigint, { since = now, counts = true } = {}): void {
    const known = this.#changes.get(name);
    const first = counts ? since : undefined;
    if (known === undefined) {
      this.#changes.set(name, { first, last: now, since: undefined, reading: false, after: 0n });
      return;
    }
    if (now > known.last) known.last = now;
    known.first = earlier(known.first, first);
    if (known.reading) known.since = earlier(known.since, since);
  }

  /** When it was changed first. */
  firstOf(name: string): bigint | undefined {
    return this.#changes.get(name)?.first;
  }

  /** Up to so many that may be read now. @param rest milliseconds without a change. */
  due(now: bigint, rest: number, most: number): string[] {
    const due: string[] = [];
    for (const [name, change] of this.#changes) {
      if (due.length >= most) break;
      if (!change.reading && this.#ready(change, rest) <= now) due.push(name);
    }
    return due;
  }

  /** Milliseconds until one may be read; Infinity: none. */
  dueIn(now: bigint, rest: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const change of this.#changes.values()) {
      if (!change.reading) least = Math.min(least, Number(this.#ready(change, rest) - now) / 1e6);
    }
    return Math.max(0, least);
  }

  /** Whether it goes on changing, so that its content is to be copied before it is read twice. */
  isRestless(name: string, now: bigint): boolean {
    const first = this.firstOf(name);
    return first !== undefined && now - first > BigInt(LONGEST) * 1_000_000n;
  }

  /** Its content is read from now on. */
  begin(name: string): void {
    const change = this.#changes.get(name);
    if (change === undefined) return;
    change.reading = true;
    change.since = undefined;
  }

  /** What was read is in the log, or need not be there. */
  end(name: string): void {
    const change = this.#changes.get(name);
    if (change === undefined) return;
    if (change.since === undefined) this.#changes.delete(name);
    else Object.assign(change, { first: change.since, since: undefined, reading: false });
  }

  /** It could not be read, or sent: again, but not before. */
  again(name: string, after: bigint): void {
    const change = this.#changes.get(name);
    if (change !== undefined) Object.assign(change, { reading: false, since: undefined, after });
  }

  /** All that was changed before is in the bucket, if all changes until `now` were noted. */
  covered(now: bigint): bigint {
    let least = now;
    for (const { first } of this.#changes.values()) if (first !== undefined && first < least) least = first;
    return least;
  }

  #ready({ first, last, after }: Change, rest: number): bigint {
    const settled = last + BigInt(rest) * 1_000_000n;
    const latest = (first ?? last) + BigInt(Math.max(rest, LONGEST)) * 1_000_000n;
    const ready = settled < latest ? settled : latest;
    return ready > after ? ready : after;
  }
}

function earlier(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
