/** Waits until something happens, or for a time at most; what happens between two waits is not forgotten. */
export class Wake {
  #rung = false;
  #ring: (() => void) | undefined;
  #last = Number.NEGATIVE_INFINITY;

  /** Milliseconds since something happened last. */
  get quiet(): number {
    return performance.now() - this.#last;
  }

  ring(): void {
    this.#rung = true;
    this.#last = performance.now();
    this.#ring?.();
  }

  /** @param ms 0: only what has happened already. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#ring = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#ring = undefined;
    }
    this.#rung = false;
  }
}
