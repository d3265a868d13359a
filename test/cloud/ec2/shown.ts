/**
 * What readers get to see of a thing: EC2's API is eventually consistent, so for a while after each change it may be
 * what was before. https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
 */
export class Shown<T> {
  readonly #past: { until: number; value: T | undefined }[] = [];
  #hiddenUntil = 0;

  /** It changes now. @param before undefined: it was not there. @param ms how long that is still shown. */
  changes(before: T | undefined, now: number, ms: number): void {
    if (ms > 0) this.#past.push({ until: now + ms, value: before });
  }

  /** Not shown at all for a while, as by a reader that does not know it. */
  hide(now: number, ms: number): void {
    this.#hiddenUntil = now + ms;
  }

  /** @returns undefined: it is not shown. */
  of(current: T, now: number): T | undefined {
    if (now < this.#hiddenUntil) return undefined;
    while (this.#past[0] !== undefined && this.#past[0].until <= now) this.#past.shift();
    const [past] = this.#past;
    return past === undefined ? current : past.value;
  }
}
