import type { CreditMode, Credits } from "../machines.ts";

/** What is earned is kept for a day. */
const KEPT_SECONDS = 86_400;
/** Seconds of one processor that must be there before a machine that had none gets more than its baseline. */
const AGAIN = 1;

/**
 * What one burstable machine earns and spends, in seconds of one processor (EC2 user guide, "Burstable performance
 * instances"). AWS looks at it by the millisecond, this as often as it is told.
 */
export class CreditAccount {
  /** What it may still spend; less than nothing while it is unlimited and has borrowed. */
  balance: number;
  /** What it had borrowed at each switch to standard: that is charged. */
  charged = 0;
  readonly #perSecond: number;
  #mode: CreditMode;
  #held: boolean;

  constructor({ mode, perSecond, atLaunch }: Credits) {
    this.balance = atLaunch;
    this.#perSecond = perSecond;
    this.#mode = mode;
    this.#held = mode === "standard" && atLaunch <= 0;
  }

  get mode(): CreditMode {
    return this.#mode;
  }

  /** Processors that it may use now, in part too; undefined: all. */
  get limit(): number | undefined {
    return this.#held ? this.#perSecond : undefined;
  }

  set(mode: CreditMode): void {
    if (mode === "standard" && this.balance < 0) {
      this.charged -= this.balance;
      this.balance = 0;
    }
    this.#mode = mode;
    this.#look();
  }

  /** @param used of all its processors together, in these seconds. */
  pass(seconds: number, used: number): void {
    const most = KEPT_SECONDS * this.#perSecond;
    this.balance = Math.min(most, this.balance + seconds * this.#perSecond - used);
    if (this.#mode === "standard") this.balance = Math.max(0, this.balance);
    this.#look();
  }

  #look(): void {
    if (this.#mode === "unlimited") this.#held = false;
    else if (this.balance <= 0) this.#held = true;
    else if (this.balance >= AGAIN) this.#held = false;
  }
}
