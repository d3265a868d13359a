import https from "node:https";

export interface Answer {
  status: number;
  /** Path and query that was asked for. */
  path: string;
  location: string | undefined;
  type: string;
  text: string;
}

const TIMEOUT_MS = 30_000;
const MOST_REDIRECTS = 5;

/** Someone with a browser: keeps cookies, follows redirects within the site, opens a new connection for each request. */
export class Browser {
  readonly #host: string;
  readonly #ca: Buffer;
  readonly #cookies = new Map<string, string>();

  constructor(host: string, ca: Buffer) {
    this.#host = host;
    this.#ca = ca;
  }

  /** @param form is sent by POST. */
  ask(path: string, form?: Readonly<Record<string, string>>): Promise<Answer> {
    const body = form && new URLSearchParams(form).toString();
    return new Promise((resolve, reject) => {
      const sending = https.request(
        {
          host: this.#host,
          path,
          ca: this.#ca,
          agent: false,
          method: body === undefined ? "GET" : "POST",
          headers: {
            accept: "text/html,*/*",
            "user-agent": "Mozilla/5.0 (rehearsal)",
            cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "),
            ...(body !== undefined && {
              "content-type": "application/x-www-form-urlencoded",
              "content-length": Buffer.byteLength(body),
              referer: `https://${this.#host}${path}`,
            }),
          },
          signal: AbortSignal.timeout(TIMEOUT_MS),
        },
        async (answer) => {
          for (const cookie of answer.headers["set-cookie"] ?? []) this.#keep(cookie);
          const chunks: Buffer[] = [];
          try {
            for await (const chunk of answer) chunks.push(chunk);
          } catch (error) {
            return reject(error);
          }
          resolve({
            path,
            status: answer.statusCode ?? 0,
            location: answer.headers.location,
            type: answer.headers["content-type"] ?? "",
            text: Buffer.concat(chunks).toString(),
          });
        },
      );
      sending.on("error", reject);
      sending.end(body);
    });
  }

  /** Follows where a page leads, as long as that is within the site. */
  async open(path: string): Promise<Answer> {
    let answer = await this.ask(path);
    for (let i = 0; i < MOST_REDIRECTS && answer.location !== undefined; i++) {
      const next = this.within(answer.location, answer.path);
      if (next === undefined) break;
      answer = await this.ask(next);
    }
    return answer;
  }

  /** The path of a reference on a page; undefined when it leads elsewhere. */
  within(reference: string, page: string): string | undefined {
    const base = `https://${this.#host}${page}`;
    if (!URL.canParse(reference, base)) return undefined;
    const url = new URL(reference, base);
    return url.host === this.#host && /^https?:$/.test(url.protocol) ? url.pathname + url.search : undefined;
  }

  #keep(cookie: string): void {
    const [pair = ""] = cookie.split(";");
    const at = pair.indexOf("=");
    if (at > 0) this.#cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
}
