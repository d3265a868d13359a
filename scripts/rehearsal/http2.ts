/** A browser, as far as HTTP/2 goes: it keeps its connection, and looks the name up again only for a new one. */
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from "node:http2";
import type { TLSSocket } from "node:tls";

export interface Http2Answer {
  status: number;
  address: string;
  serial: string | undefined;
  body: string;
}

/** Tries of a request that the server said it had not looked at, which any client may repeat (RFC 9113 §8.7). */
const TRIES = 3;

export class Http2Client {
  readonly #host: string;
  readonly #ca: Buffer;
  readonly #resolve: () => Promise<string>;
  readonly #timeout: number;
  #current: Promise<{ session: ClientHttp2Session; address: string }> | undefined;

  /** @param timeout milliseconds for a whole request. */
  constructor(options: { host: string; ca: Buffer; timeout: number; resolve: () => Promise<string> }) {
    this.#host = options.host;
    this.#ca = options.ca;
    this.#resolve = options.resolve;
    this.#timeout = options.timeout;
  }

  async request(method: "GET" | "POST", path: string, body?: string): Promise<Http2Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method, path, body);
      } catch (error) {
        if (!(error instanceof NotLookedAt) || attempt === TRIES) throw error;
      }
    }
  }

  async close(): Promise<void> {
    (await this.#current?.catch(() => undefined))?.session.destroy();
  }

  #connection(): Promise<{ session: ClientHttp2Session; address: string }> {
    if (this.#current !== undefined) return this.#current;
    const forget = () => {
      if (this.#current === mine) this.#current = undefined;
    };
    const open = async () => {
      const address = await this.#resolve();
      const session = connect(`https://${address}`, { servername: this.#host, ca: this.#ca });
      // The requests under way fail by themselves.
      session.on("error", forget).on("goaway", forget).on("close", forget);
      return { session, address };
    };
    // Lets `#current` be set before anything can go wrong.
    const mine: ReturnType<typeof open> = Promise.resolve()
      .then(open)
      .catch((error: unknown) => {
        forget();
        throw error;
      });
    this.#current = mine;
    return mine;
  }

  async #once(method: "GET" | "POST", path: string, body: string | undefined): Promise<Http2Answer> {
    const { session, address } = await this.#connection();
    const headers: OutgoingHttpHeaders = {
      ":method": method,
      ":path": path,
      ":authority": this.#host,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const stream = session.request(headers, { signal: AbortSignal.timeout(this.#timeout) });
    let status: number | undefined;
    let text = "";
    let failure: Error | undefined;
    stream.setEncoding("utf8");
    stream.on("response", (got) => {
      status = Number(got[":status"]);
    });
    stream.on("data", (part: string) => {
      text += part;
    });
    stream.on("error", (error) => {
      failure = error;
    });
    const closed = new Promise<void>((resolve) => stream.on("close", () => resolve()));
    stream.end(body);
    await closed;
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) throw new NotLookedAt("refused");
    if (failure !== undefined || status === undefined) {
      throw failure ?? new Error(`stream closed with ${stream.rstCode}`);
    }
    const socket = session.destroyed ? undefined : (session.socket as TLSSocket);
    return { status, address, serial: socket?.getPeerCertificate?.()?.serialNumber, body: text };
  }
}

class NotLookedAt extends Error {}
