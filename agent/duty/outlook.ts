import type { DeployState } from "../site/records.ts";

/** Why this instance is to be left, the weightier the later. */
const REASONS = ["sick", "rebalance", "interruption"] as const;
export type Reason = (typeof REASONS)[number];

/** What lies ahead of this instance: a deploy under way, and that another instance is to take its place. */
export class Outlook {
  #deploy: DeployState | undefined;
  #leaving: Reason | undefined;

  /** @param deploy the one under way as the duty begins. */
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

  /** @param running undefined: none is under way any more. */
  deploys(running: DeployState | undefined): void {
    this.#deploy = running;
  }

  /** @returns whether something is to be done about it: not for a reason that adds nothing to the one there is. */
  leave(reason: Reason): boolean {
    const weight = (of: Reason | undefined) => (of === undefined ? -1 : REASONS.indexOf(of));
    // AWS may move the time of an interruption.
    if (reason !== "interruption" && weight(reason) <= weight(this.#leaving)) return false;
    this.#leaving = reason;
    return true;
  }
}
