/**
 * A certificate authority with Let's Encrypt's limits: a proxy in front of one that has none (Pebble). It
 * counts, refuses what Let's Encrypt would refuse, and makes trouble when asked to.
 */
import type http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { type Clock, systemClock } from "../../../agent/site/clock.ts";
import { Books } from "./books.ts";
import { type Effect, Faults } from "./faults.ts";
import { type AcmeRequest, parseJws } from "./jws.ts";
import type { Refusal } from "./limits.ts";
import { Reissuer } from "./reissue.ts";

export interface LimitedCaOptions {
  /** Directory URL of the CA behind. */
  upstream: string;
  /** PEM that signs the upstream's HTTPS. */
  upstreamCa: string;
  /** IPv4 address. */
  host?: string;
  port?: number;
  /** The time limits are counted in; a test moves it. */
  clock?: Clock;
  /** Whether CAA records allow this CA to issue for a name; Pebble does not look. */
  mayIssue?: (name: string) => boolean;
  /** Dates certificates by `clock`, with this lifetime in ms; the upstream's pass unchanged otherwise. */
  lifetime?: number;
}

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

export class LimitedCa {
  readonly books: Books;
  readonly faults = new Faults();
  /** Undefined when the upstream's certificates pass unchanged. */
  readonly reissuer: Reissuer | undefined;
  /** PEM: signs its own HTTPS; clients must trust it. Known once started. */
  listenCertificate = "";
  /** Requests of any kind that reached this CA. */
  requests = 0;

  readonly #options: LimitedCaOptions;
  readonly #clock: Clock;
  #server: https.Server | undefined;
  #agent: https.Agent;

  constructor(options: LimitedCaOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.books = new Books(this.#clock, options.upstream);
    if (options.lifetime !== undefined) this.reissuer = new Reissuer(options.lifetime, this.#clock.now());
    this.#agent = new https.Agent({ keepAlive: true, ca: options.upstreamCa });
  }

  /** The upstream was started again, with another certificate for its HTTPS. */
  trust(upstreamCa: string): void {
    this.#agent.destroy();
    this.#agent = new https.Agent({ keepAlive: true, ca: upstreamCa });
  }

  /** HTTPS only: ACME clients sign the address they ask for, and Pebble expects https there. @returns the directory URL. */
  async start(): Promise<string> {
    const { host = "127.0.0.1", port = 0, upstream } = this.#options;
    const tls = await selfSigned(host);
    this.listenCertificate = tls.cert;
    const server = https.createServer(tls, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    const { port: bound } = server.address() as AddressInfo;
    return `https://${host}:${bound}${new URL(upstream).pathname}`;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#agent.destroy();
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.requests++;
    const body = await readAll(request);
    const kind = this.books.kindOf(request.url ?? "");
    const acme = parseJws(body.toString());
    const effect = this.faults.take(kind);
    if (effect === "gone") return void response.destroy();
    if (typeof effect === "object" && "slow" in effect) await delay(effect.slow);
    if (typeof effect === "object" && "problem" in effect) return this.#problem(request, response, effect);
    const refusal = kind === "order" ? this.books.refuse(acme) : undefined;
    if (refusal !== undefined) return this.#refused(request, response, refusal);
    const forbidden = kind === "order" ? this.#forbidden(acme) : undefined;
    if (forbidden !== undefined) {
      const detail = `While processing CAA for ${forbidden}: CAA record for ${forbidden} prevents issuance`;
      return this.#problem(request, response, { problem: "caa", status: 403 }, detail);
    }
    const answer = await this.#forward(request, body);
    if (answer.status < 400) this.books.note(kind, request.url ?? "", acme, answer.body);
    if (effect === "lost") return void response.destroy();
    const sent = kind === "certificate" ? this.#dated(answer) : answer.body;
    response
      .writeHead(answer.status, { ...answer.headers, ...this.#date(), "content-length": sent.length })
      .end(sent);
  }

  /** Let's Encrypt looks when it validates; a refusal of the order comes to the same for who ordered. */
  #forbidden(acme: AcmeRequest | undefined): string | undefined {
    const { mayIssue = () => true } = this.#options;
    return this.books.namesIn(acme).find((name) => !mayIssue(name));
  }

  #dated({ status, body }: Answer): Buffer {
    if (this.reissuer === undefined || status !== 200) return body;
    return Buffer.from(this.reissuer.reissue(body.toString(), this.#clock.now()));
  }

  #date(): { date: string } {
    return { date: new Date(this.#clock.now()).toUTCString() };
  }

  #refused(request: http.IncomingMessage, response: http.ServerResponse, refusal: Refusal): Promise<void> {
    const seconds = Math.max(1, Math.ceil((refusal.retryAt.getTime() - this.#clock.now()) / 1000));
    const effect = { problem: "rateLimited", status: 429, retryAfter: seconds } as const;
    return this.#problem(request, response, effect, refusal.detail);
  }

  async #problem(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    effect: Extract<Effect, { problem: string }>,
    detail = "told to by the test",
  ): Promise<void> {
    const nonce = this.books.noncePath;
    const fresh =
      nonce === undefined ? undefined : await this.#forward(request, Buffer.alloc(0), "HEAD", nonce);
    const replay = fresh?.headers["replay-nonce"];
    response.writeHead(effect.status, {
      "content-type": "application/problem+json",
      ...this.#date(),
      ...(effect.retryAfter === undefined ? {} : { "retry-after": String(effect.retryAfter) }),
      ...(replay === undefined ? {} : { "replay-nonce": replay }),
    });
    const type = `urn:ietf:params:acme:error:${effect.problem}`;
    response.end(JSON.stringify({ type, detail, status: effect.status }, null, 2));
  }

  /** Host and protocol go along, so that the CA behind makes its addresses, and checks signed ones, with ours. */
  #forward(
    request: http.IncomingMessage,
    body: Buffer,
    method = request.method ?? "GET",
    path = request.url ?? "/",
  ): Promise<Answer> {
    const upstream = new URL(this.#options.upstream);
    const headers = {
      ...(request.headers["content-type"] && { "content-type": request.headers["content-type"] }),
      "user-agent": request.headers["user-agent"] ?? "",
      host: request.headers.host ?? "",
      "x-forwarded-proto": "https",
      "content-length": body.length,
    };
    const { hostname: host, port } = upstream;
    const options = { host, port, path, method, headers, agent: this.#agent };
    return new Promise((resolve, reject) => {
      const asked = https.request(options, async (answer) => {
        const { connection: _connection, "transfer-encoding": _encoding, ...kept } = answer.headers;
        resolve({ status: answer.statusCode ?? 502, headers: kept, body: await readAll(answer) });
      });
      asked.on("error", reject).end(body);
    });
  }
}

async function selfSigned(host: string): Promise<{ key: string; cert: string }> {
  const { stdout } = await execa("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"],
    ...["-subj", "/CN=limited CA", "-addext", `subjectAltName=IP:${host}`, "-keyout", "-", "-out", "-"],
  ]);
  const cert = stdout.indexOf("-----BEGIN CERTIFICATE");
  return { key: stdout.slice(0, cert), cert: `${stdout.slice(cert)}\n` };
}

async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
