import diagnostics from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { answeredChannel, type Exchange, sentChannel } from "./wire/exchange.ts";
import { repeatAtOnce } from "./wire/repeat-at-once.ts";

/** Turns of the event loop without a request after which everybody is taken to wait. */
const QUIET_TURNS = 8;

/** What the event loop waits for besides requests: files, connections, children. */
const UNDER_WAY = /Req|Connect|Process/;

/** How a request of fetch() ends, whole or not. */
const FETCHED = ["undici:request:trailers", "undici:request:error"];

/** Milliseconds of waiting within which the SDK repeats a call that met an error of the server, if it does at all. */
const REPEATED_WITHIN = 5;

/**
 * The requests that this process has sent, over HTTP or to a server within it, so that a test need not guess how long
 * they take.
 */
export class Traffic {
  #requests = 0;
  readonly #unanswered = new Set<object>();
  /** The SDK's calls that it may send again, by its own names for them, and how long to wait for that. */
  readonly #toRepeat = new Map<string, number>();

  constructor() {
    repeatAtOnce();
    diagnostics.subscribe("http.client.request.start", this.#sent);
    diagnostics.subscribe("http.client.response.finish", this.#answered);
    diagnostics.subscribe("undici:request:create", this.#fetches);
    for (const end of FETCHED) diagnostics.subscribe(end, this.#fetched);
    sentChannel.subscribe(this.#handedOver);
    answeredChannel.subscribe(this.#handedBack);
  }

  stop(): void {
    diagnostics.unsubscribe("http.client.request.start", this.#sent);
    diagnostics.unsubscribe("http.client.response.finish", this.#answered);
    diagnostics.unsubscribe("undici:request:create", this.#fetches);
    for (const end of FETCHED) diagnostics.unsubscribe(end, this.#fetched);
    sentChannel.unsubscribe(this.#handedOver);
    answeredChannel.unsubscribe(this.#handedBack);
  }

  /** Resolves when no request is unanswered, no file is read or written, and whoever goes on from that has done so. */
  async quiet(): Promise<void> {
    for (;;) {
      const before = this.#requests;
      for (let turns = 0; turns < QUIET_TURNS; turns++) await turn();
      if (this.#requests !== before || this.#unanswered.size > 0) continue;
      for (const [call, left] of this.#toRepeat) {
        if (left === 0) this.#toRepeat.delete(call);
        else this.#toRepeat.set(call, left - 1);
      }
      if (this.#toRepeat.size === 0 && !process.getActiveResourcesInfo().some((name) => UNDER_WAY.test(name)))
        return;
      await delay(1);
    }
  }

  readonly #sent = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    this.#begins(request, (name) => request.getHeader(name)?.toString());
    // Also one that fails.
    request.once("close", () => this.#unanswered.delete(request));
  };

  readonly #answered = (message: unknown): void => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    this.#ends(request, (name) => request.getHeader(name)?.toString(), response.statusCode);
  };

  readonly #fetches = (message: unknown): void => {
    this.#requests++;
    this.#unanswered.add((message as { request: object }).request);
  };

  readonly #fetched = (message: unknown): void => {
    this.#unanswered.delete((message as { request: object }).request);
  };

  readonly #handedOver = (message: unknown): void => {
    const exchange = message as Exchange;
    this.#begins(exchange, (name) => exchange.request.headers[name]);
  };

  readonly #handedBack = (message: unknown): void => {
    const exchange = message as Exchange;
    this.#ends(exchange, (name) => exchange.request.headers[name], exchange.status);
  };

  #begins(request: ClientRequest | Exchange, header: Header): void {
    this.#requests++;
    this.#toRepeat.delete(header(CALL) ?? "");
    this.#unanswered.add(request);
  }

  #ends(request: ClientRequest | Exchange, header: Header, status = 0): void {
    const call = header(CALL);
    if (call !== undefined && !isLastTry(header(TRY)) && status >= 500)
      this.#toRepeat.set(call, REPEATED_WITHIN);
    this.#unanswered.delete(request);
  }
}

type Header = (name: string) => string | undefined;

/** The same for every try of one call of the SDK; others do not send it. */
const CALL = "amz-sdk-invocation-id";
const TRY = "amz-sdk-request";

function isLastTry(tries: string | undefined): boolean {
  const [, attempt, max] = /attempt=(\d+); max=(\d+)/.exec(tries ?? "") ?? [];
  return attempt !== undefined && attempt === max;
}
