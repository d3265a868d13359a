import type { DeployState } from "../site/documents/deploy-state.ts";
import type { Pace } from "../watch/bell.ts";

/** Why this instance is to be replaced, the most pressing reason last. */
const REASONS = ["sick", "rebalance", "interruption"] as const;
export type Reason = (typeof REASONS)[number];

/** What lies ahead of this instance: whether a deploy is under way, and whether another instance is to replace it. */
export class Outlook {
  #deploy: DeployState | undefined;
  #leaving: Reason | undefined;

  /** @param deploy the one under way when the duty begins. */
  constructor(deploy: DeployState | undefined) {
    this.#deploy = deploy;
  }

  get deploying(): boolean {
    return this.#deploy !== undefined;
  }

  /** Whether another instance is expected to take the site over soon. */
  get handOverNear(): boolean {
    return this.#leaving !== undefined || this.#deploy?.kind === "swap";
  }

  /** How often everything is looked at; undefined: only when the bell was rung. */
  get pace(): Pace | undefined {
    if (this.handOverNear) return { seconds: 1, all: true };
    // Its holder may have died.
    return this.deploying ? { seconds: 5, all: true } : undefined;
  }

  /** @param running undefined when none is under way any more. */
  deploys(running: DeployState | undefined): void {
    this.#deploy = running;
  }

  /** @returns whether to act on it: not for a reason that adds nothing to the present one. */
  leave(reason: Reason): boolean {
    const weight = (of: Reason | undefined) => (of === undefined ? -1 : REASONS.indexOf(of));
    // AWS may change the time of an interruption.
    if (reason !== "interruption" && weight(reason) <= weight(this.#leaving)) return false;
    this.#leaving = reason;
    return true;
  }
}
