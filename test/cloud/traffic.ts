import diagnostics from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";

/** Turns of the event loop without a request after which everybody is taken to wait. */
const QUIET_TURNS = 8;

/** What the event loop waits for besides requests: files, connections, children. */
const UNDER_WAY = /Req|Connect|Process/;

/**
 * Milliseconds within which the SDK repeats a call that met an error of the server, if it does at all: its delays are
 * real ones, and longer where it takes the error for throttling.
 */
const repeatedWithin = (status: number): number => (status === 503 ? 1_000 : 500);

/** The requests that this process has sent over HTTP, so that a test need not guess how long they take. */
export class Traffic {
  #requests = 0;
  readonly #unanswered = new Set<ClientRequest>();
  /** The SDK's calls that it will send again, by its own names for them, and until when. */
  readonly #toRepeat = new Map<string, number>();

  constructor() {
    diagnostics.subscribe("http.client.request.start", this.#sent);
    diagnostics.subscribe("http.client.response.finish", this.#answered);
  }

  stop(): void {
    diagnostics.unsubscribe("http.client.request.start", this.#sent);
    diagnostics.unsubscribe("http.client.response.finish", this.#answered);
  }

  /** Resolves when no request is unanswered, no file is read or written, and whoever goes on from that has done so. */
  async quiet(): Promise<void> {
    for (;;) {
      const before = this.#requests;
      for (let turns = 0; turns < QUIET_TURNS; turns++) await turn();
      if (this.#requests !== before || this.#unanswered.size > 0) continue;
      for (const [call, until] of this.#toRepeat) {
        if (performance.now() >= until) this.#toRepeat.delete(call);
      }
      if (this.#toRepeat.size === 0 && !process.getActiveResourcesInfo().some((name) => UNDER_WAY.test(name)))
        return;
      await delay(1);
    }
  }

  readonly #sent = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    this.#requests++;
    this.#toRepeat.delete(callOf(request) ?? "");
    this.#unanswered.add(request);
    // Also one that fails.
    request.once("close", () => this.#unanswered.delete(request));
  };

  readonly #answered = (message: unknown): void => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    const call = callOf(request);
    const { statusCode = 0 } = response;
    if (call !== undefined && !isLastTry(request) && statusCode >= 500)
      this.#toRepeat.set(call, performance.now() + repeatedWithin(statusCode));
    this.#unanswered.delete(request);
  };
}

/** The same for every try of one call of the SDK; undefined for what others send. */
const callOf = (request: ClientRequest): string | undefined =>
  request.getHeader("amz-sdk-invocation-id")?.toString();

function isLastTry(request: ClientRequest): boolean {
  const [, attempt, max] =
    /attempt=(\d+); max=(\d+)/.exec(String(request.getHeader("amz-sdk-request"))) ?? [];
  return attempt !== undefined && attempt === max;
}
