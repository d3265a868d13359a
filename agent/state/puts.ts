/** How many PUTs are remembered for what they take. */
const REMEMBERED = 200;
/** Milliseconds that a PUT is taken to need at most, until enough were measured, and whatever was measured. */
const FIRST = 500;
const LEAST = 250;

/** What PUTs took, how many there were, and how much they carried. */
export class Puts {
  readonly #took: number[] = [];
  #count = 0;
  #bytes = 0;

  /** @param ms it took. @param bytes before they were packed. */
  add(ms: number, bytes: number): void {
    this.#count++;
    this.#bytes += bytes;
    this.#took.push(ms);
    if (this.#took.length > REMEMBERED) this.#took.shift();
  }

  /** Milliseconds of the slowest in a hundred. */
  get slowest(): number {
    return this.#took.length < 20 ? FIRST : Math.max(LEAST, this.#at(0.99));
  }

  get summary(): { puts: number; bytes: number; putMedian: number } {
    return { puts: this.#count, bytes: this.#bytes, putMedian: Math.round(this.#at(0.5)) };
  }

  #at(part: number): number {
    const sorted = this.#took.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  }
}
