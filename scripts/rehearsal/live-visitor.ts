/** A visitor with connections that stay: a WebSocket, or a stream of events. Over HTTP/1.1 with TLS, as far as is needed. */
import { randomBytes } from "node:crypto";
import type http from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";

export interface Site {
  /** IPv4. */
  address: string;
  host: string;
  /** PEM. */
  ca: string;
}

export interface WebSocketVisitor {
  /** Waits for the next text. @throws Error when the connection ends, or after five seconds. */
  next(): Promise<string>;
  say(text: string): void;
  /** Resolves to the code of the close frame; undefined: the connection ended without one. */
  closed: Promise<number | undefined>;
  end(): void;
}

const options = ({ address, host, ca }: Site, path: string, headers: Record<string, string>) => ({
  ...{ host: address, servername: host, path, ca, agent: false },
  headers: { host, ...headers },
});

/** @throws Error for an answer that is no switch of protocols: with its status. */
export function openWebSocket(site: Site, path: string): Promise<WebSocketVisitor> {
  const headers = {
    ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
    ...{ "sec-websocket-key": randomBytes(16).toString("base64"), origin: `https://${site.host}` },
  };
  return new Promise((resolve, reject) => {
    const request = https.get(options(site, path, headers));
    request.on("response", (answer) => {
      answer.resume();
      reject(new Error(`HTTP ${answer.statusCode}`));
    });
    request.on("error", reject);
    request.on("upgrade", (_, socket, head) => resolve(speak(socket, head)));
  });
}

const TEXT = 1;
const CLOSE = 8;
const PING = 9;

function speak(socket: Duplex, head: Buffer): WebSocketVisitor {
  const heard: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  let rest = Buffer.from(head);
  let told: (code: number | undefined) => void = () => {};
  const closed = new Promise<number | undefined>((resolve) => {
    told = resolve;
  });
  const take = (): void => {
    for (;;) {
      const length = (rest[1] ?? 0) & 0x7f;
      if (length > 125) throw new Error("a longer frame than any here");
      if (rest.length < 2 || rest.length < 2 + length) return;
      const [kind, body] = [(rest[0] ?? 0) & 0xf, rest.subarray(2, 2 + length)];
      rest = rest.subarray(2 + length);
      if (kind === PING) socket.write(frame(10, body));
      if (kind === CLOSE) told(body.length < 2 ? 1005 : body.readUInt16BE());
      if (kind !== TEXT) continue;
      const text = body.toString();
      const waits = waiting.shift();
      if (waits === undefined) heard.push(text);
      else waits(text);
    }
  };
  take();
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    take();
  });
  socket.on("error", () => told(undefined));
  socket.on("close", () => told(undefined));
  return {
    closed,
    next: () =>
      new Promise((resolve, reject) => {
        const text = heard.shift();
        if (text !== undefined) return resolve(text);
        const late = setTimeout(() => reject(new Error("nothing was said for 5 s")), 5_000);
        waiting.push((said) => {
          clearTimeout(late);
          resolve(said);
        });
        void closed.then((code) => reject(new Error(`closed with ${code}`)));
      }),
    say: (text) => void socket.write(frame(TEXT, Buffer.from(text))),
    end: () => socket.destroy(),
  };
}

/** Of a visitor, and so masked. */
function frame(kind: number, body: Buffer): Buffer {
  const mask = randomBytes(4);
  const masked = body.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x80 | kind, 0x80 | body.length]), mask, masked]);
}

export interface Events {
  answer: http.IncomingMessage;
  /** Texts as they came, with the time of each in milliseconds since the request. */
  seen: { text: string; at: number }[];
  end(): void;
}

/** As an EventSource of a browser asks. */
export function openEvents(site: Site, path: string): Promise<Events> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const request = https.get(options(site, path, { accept: "text/event-stream" }), (answer) => {
      const seen: Events["seen"] = [];
      answer.on("data", (chunk: Buffer) =>
        seen.push({ text: chunk.toString(), at: performance.now() - begun }),
      );
      answer.on("error", () => undefined);
      resolve({ answer, seen, end: () => request.destroy() });
    });
    request.on("error", reject);
  });
}
