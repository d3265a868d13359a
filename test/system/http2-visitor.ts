/** A browser, as far as HTTP/2 goes: one connection at a time, another when the server says that it goes away. */
import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { TLSSocket } from "node:tls";

export interface Answer {
  version: "1.1" | "2";
  status: number | undefined;
  serial: string;
  body: string;
  connection?: string | undefined;
  hsts?: string | undefined;
}

export class Http2Visitor {
  /** Connections opened. */
  sessions = 0;
  /** Requests that the server said it had not looked at, and which any client may therefore repeat (RFC 9113 §8.7). */
  repeated = 0;
  readonly #address: string;
  readonly #name: string;
  #session: ClientHttp2Session | undefined;

  constructor(address: string, name: string) {
    this.#address = address;
    this.#name = name;
  }

  async get(path: string): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      const { answer, refused, error } = await this.#once(path);
      if (answer !== undefined) return answer;
      if (!refused || attempt === 3) throw error ?? new Error("no answer");
      this.repeated++;
    }
  }

  close(): void {
    this.#session?.destroy();
  }

  #current(): ClientHttp2Session {
    const now = this.#session;
    if (now !== undefined && !now.closed && !now.destroyed) return now;
    this.sessions++;
    const session = connect(`https://${this.#address}`, {
      servername: this.#name,
      rejectUnauthorized: false,
    });
    // A request that was under way fails by itself.
    session.on("error", () => undefined);
    session.on("goaway", () => {
      if (this.#session === session) this.#session = undefined;
    });
    this.#session = session;
    return session;
  }

  #once(path: string): Promise<{ answer?: Answer; refused?: boolean; error?: Error }> {
    const session = this.#current();
    const request = session.request({ ":path": path, ":authority": this.#name });
    let status: number | undefined;
    let body = "";
    let serial = "";
    let error: Error | undefined;
    request.setEncoding("utf8");
    request.on("response", (headers) => {
      status = Number(headers[":status"]);
      serial = (session.socket as TLSSocket).getPeerCertificate().serialNumber;
    });
    request.on("data", (text) => {
      body += text;
    });
    request.on("error", (seen: Error) => {
      error = seen;
    });
    return new Promise((resolve) => {
      request.on("close", () => {
        const refused = request.rstCode === constants.NGHTTP2_REFUSED_STREAM;
        const complete = error === undefined && status !== undefined && request.rstCode === 0;
        if (complete) resolve({ answer: { version: "2", status, serial, body } });
        else resolve({ refused, error: error ?? new Error(`stream ended with ${request.rstCode}`) });
      });
    });
  }
}
