/** Trouble a certificate authority can make, on order. */

/** Which requests: by what they ask for, not by address (addresses differ from CA to CA). */
export type RequestKind =
  | "directory"
  | "nonce"
  | "account"
  | "order"
  | "authorization"
  | "challenge"
  | "finalize"
  | "certificate"
  | "other";

export type Effect =
  /** An ACME problem instead of an answer. `retryAfter` in seconds. */
  | { problem: "rateLimited" | "serverInternal" | "badNonce" | "caa"; status: number; retryAfter?: number }
  /** ms before the request goes on. */
  | { slow: number }
  /** The connection ends without an answer, the CA never saw the request. */
  | "gone"
  /** The CA did what was asked; its answer is lost. */
  | "lost";

export interface Fault {
  on: RequestKind | "any";
  effect: Effect;
  /** Requests to hit; Infinity until `clear`. */
  times: number;
}

export const tooManyRequests = (retryAfter: number): Effect => ({
  problem: "rateLimited",
  status: 429,
  retryAfter,
});
export const unavailable = (retryAfter?: number): Effect => ({
  problem: "serverInternal",
  status: 503,
  ...(retryAfter === undefined ? {} : { retryAfter }),
});
export const badNonce: Effect = { problem: "badNonce", status: 400 };

export class Faults {
  #planned: Fault[] = [];

  add(on: Fault["on"], effect: Effect, times = 1): void {
    this.#planned.push({ on, effect, times });
  }

  clear(): void {
    this.#planned = [];
  }

  /** The next effect for a request of this kind, used up by asking. A nonce is no use to spoil. */
  take(kind: RequestKind): Effect | undefined {
    const fault = this.#planned.find(
      (f) => f.on === kind || (f.on === "any" && kind !== "nonce") || (f.on === "any" && f.effect === "gone"),
    );
    if (fault === undefined) return undefined;
    fault.times--;
    if (fault.times <= 0) this.#planned = this.#planned.filter((f) => f !== fault);
    return fault.effect;
  }
}
