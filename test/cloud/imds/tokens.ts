import { randomBytes } from "node:crypto";
import type { Clock } from "../../../agent/site/clock.ts";

/** Session tokens of version 2 and when each ends. */
export class Tokens {
  readonly #clock: Clock;
  readonly #ends = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns undefined when the header is missing or not a number of seconds from 1 to 21600. */
  issue(ttlHeader: string | undefined): { token: string; seconds: number } | undefined {
    if (ttlHeader === undefined || !/^\d{1,5}$/.test(ttlHeader)) return undefined;
    const seconds = Number(ttlHeader);
    if (seconds < 1 || seconds > 21_600) return undefined;
    const token = randomBytes(40).toString("base64");
    this.#ends.set(token, this.#clock.now() + seconds * 1000);
    return { token, seconds };
  }

  /** Seconds left; undefined when it is unknown or over. */
  secondsLeft(token: string): number | undefined {
    const end = this.#ends.get(token);
    const left = end === undefined ? 0 : end - this.#clock.now();
    return left > 0 ? Math.ceil(left / 1000) : undefined;
  }

  /** Every token is invalid from now on, as after a change of the instance's metadata options. */
  forget(): void {
    this.#ends.clear();
  }
}
