/**
 * A visitor: asks for the site by name again and again and writes down what it got. A process of its own, so that
 * nothing else in the rehearsal can hold it up.
 *
 * Usage: client.ts '<JSON of ClientOptions>'. Writes one JSON line per request to stdout; ends on SIGTERM after the
 * requests in flight.
 */
import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import https from "node:https";
import { clearInterval, setInterval } from "node:timers";
import type { TLSSocket } from "node:tls";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { Http2Client } from "./http2.ts";
import type { ClientOptions, Sample } from "./sample.ts";

class CachingResolver {
  readonly #resolver = new Resolver({ timeout: 2_000, tries: 2 });
  readonly #outstay: number;
  #answer: { addresses: string[]; until: number } | undefined;
  #asking: Promise<string[]> | undefined;

  constructor(server: string, outstay: number) {
    this.#resolver.setServers([server]);
    this.#outstay = outstay;
  }

  async resolve(host: string): Promise<string[]> {
    if (this.#answer !== undefined && Date.now() < this.#answer.until) return this.#answer.addresses;
    this.#asking ??= this.#ask(host).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(host: string): Promise<string[]> {
    const records = await this.#resolver.resolve4(host, { ttl: true });
    const ttl = Math.min(...records.map((r) => r.ttl));
    const addresses = records.map((r) => r.address);
    this.#answer = { addresses, until: Date.now() + ttl * this.#outstay * 1000 };
    return addresses;
  }
}

async function run(options: ClientOptions): Promise<void> {
  const resolver = new CachingResolver(options.dns, options.outstay);
  const agent = new https.Agent({ keepAlive: options.keepAlive, maxSockets: options.keepAlive ? 4 : 64 });
  const ca = readFileSync(options.ca);
  const look = async () => (await resolver.resolve(options.host))[0] ?? "";
  const http2 = new Http2Client({ host: options.host, ca, timeout: options.patience, resolve: look });
  let sent = 0;

  const ask = async (): Promise<void> => {
    const sample: Sample = { at: Date.now(), milliseconds: 0, method: "GET" };
    const n = ++sent;
    const post = options.postEvery > 0 && n % options.postEvery === 0 ? { n } : undefined;
    if (post !== undefined) Object.assign(sample, { method: "POST", n });
    const start = performance.now();
    try {
      if (options.http2) Object.assign(sample, await requestHttp2(options, http2, post));
      else {
        sample.address = await look();
        Object.assign(sample, await request(options, agent, ca, sample.address, post));
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      sample.error = code ?? message;
    }
    sample.milliseconds = Math.round((performance.now() - start) * 10) / 10;
    process.stdout.write(`${JSON.stringify(sample)}\n`);
  };

  const flying = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const one: Promise<void> = ask().finally(() => flying.delete(one));
    flying.add(one);
  }, options.every);
  await new Promise<void>((resolve) => process.once("SIGTERM", () => resolve()));
  clearInterval(timer);
  await Promise.all(flying);
  agent.destroy();
  await http2.close();
}

/** What is written, undefined where something is read. */
type Post = { n: number } | undefined;

const bodyOf = (options: ClientOptions, post: Post): string =>
  post === undefined ? "" : JSON.stringify({ name: options.name, message: String(post.n) });

async function requestHttp2(
  options: ClientOptions,
  client: Http2Client,
  post: Post,
): Promise<Partial<Sample>> {
  const { status, address, serial, body } =
    post === undefined
      ? await client.request("GET", options.path)
      : await client.request("POST", options.postPath, bodyOf(options, post));
  return { ...{ status, address }, ...omitUndefined({ serial, body: kept(options, post, body) }) };
}

const kept = (options: ClientOptions, post: Post, body: string): string | undefined =>
  post !== undefined || options.reads ? body.slice(0, 200) : undefined;

function request(
  options: ClientOptions,
  agent: https.Agent,
  ca: Buffer,
  address: string,
  post: Post,
): Promise<Partial<Sample>> {
  return new Promise((resolve, reject) => {
    const body = bodyOf(options, post);
    const sending = https.request(
      {
        agent,
        ca,
        host: address,
        servername: options.host,
        path: post ? options.postPath : options.path,
        method: post ? "POST" : "GET",
        headers: {
          host: options.host,
          ...(post ? { "content-type": "application/json", "content-length": Buffer.byteLength(body) } : {}),
        },
        signal: AbortSignal.timeout(options.patience),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        const serial = (answer.socket as TLSSocket).getPeerCertificate?.()?.serialNumber;
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          resolve(
            omitUndefined({
              status: answer.statusCode,
              serial,
              body: kept(options, post, Buffer.concat(chunks).toString()),
            }),
          );
        });
      },
    );
    sending.on("error", reject);
    sending.end(post ? body : undefined);
  });
}

await run(JSON.parse(process.argv[2] ?? "") as ClientOptions);
