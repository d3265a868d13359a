import { setTimeout as delay } from "node:timers/promises";
import { AwsError } from "./errors.ts";

/**
 * What to do to one call. `loseRequest` cuts the connection before the handler runs, `loseReply` after it ran;
 * `error` answers instead of the handler, `page` in HTML and with this status, as what stands before a service does;
 * `latePage` the same after it ran; `delayMs` waits before it.
 */
export interface Disturbance {
  loseRequest?: true;
  loseReply?: true;
  error?: AwsError;
  page?: number;
  latePage?: number;
  delayMs?: number;
}

export const throttled = (): AwsError => new AwsError("ThrottlingException", "Rate exceeded", 400);
export const internalError = (): AwsError =>
  new AwsError("InternalError", "We encountered an internal error.", 500);
export const slowDown = (): AwsError => new AwsError("SlowDown", "Please reduce your request rate.", 503);

/** Thrown to the server's edge: close the socket without an answer. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** Thrown to the server's edge: an answer that is not the service's. */
export class Page extends Error {
  override readonly name = "Page";
  readonly status: number;
  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

/** Counts calls of each operation and disturbs the ones asked for. */
export class Disturbances {
  readonly #waiting: { name: string; left: number; disturbance: Disturbance }[] = [];
  readonly #silent = new Map<string, { over: Promise<void>; speak: () => void }>();

  /** Whether a call to come may be disturbed. */
  get expected(): boolean {
    return this.#waiting.length > 0 || this.#silent.size > 0;
  }

  /** From here on a service takes every request and answers none; who waited for it never hears of it. */
  silence(service: string): void {
    let speak = () => {};
    const over = new Promise<void>((resolve) => {
      speak = resolve;
    });
    if (!this.#silent.has(service)) this.#silent.set(service, { over, speak });
  }

  /** It answers again. Undefined: all do. */
  speak(service?: string): void {
    for (const [name, { speak }] of this.#silent) {
      if (service !== undefined && name !== service) continue;
      this.#silent.delete(name);
      speak();
    }
  }

  /** @throws ConnectionLost once a service that says nothing speaks again, or no one waits any more. */
  async heard(service: string, gone: () => Promise<unknown>): Promise<void> {
    const silent = this.#silent.get(service);
    if (silent === undefined) return;
    await Promise.race([silent.over, gone()]);
    throw new ConnectionLost();
  }

  /** `nth` counts from now: 1 is the next call of the operation. */
  add(name: string, nth: number, disturbance: Disturbance): void {
    this.#waiting.push({ name, left: nth, disturbance });
  }

  /** Runs one call, disturbed when it is its turn. */
  async around<T>(name: string, call: () => Promise<T>): Promise<T> {
    const disturbance = this.#next(name);
    if (disturbance.delayMs !== undefined) await delay(disturbance.delayMs);
    if (disturbance.loseRequest) throw new ConnectionLost();
    if (disturbance.error !== undefined) throw disturbance.error;
    if (disturbance.page !== undefined) throw new Page(disturbance.page);
    const result = await call();
    if (disturbance.loseReply) throw new ConnectionLost();
    if (disturbance.latePage !== undefined) throw new Page(disturbance.latePage);
    return result;
  }

  #next(name: string): Disturbance {
    const mine = this.#waiting.filter((w) => w.name === name);
    for (const waiting of mine) waiting.left -= 1;
    const due = mine.filter((w) => w.left <= 0);
    for (const waiting of due) this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    return Object.assign({}, ...due.map((w) => w.disturbance)) as Disturbance;
  }
}
