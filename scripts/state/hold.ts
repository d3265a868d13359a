/** A hand-over without machines, as visitors see it: real nginx on both sides, requests that come however many wait. */
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { selfSigned } from "../../agent/certificate/self-signed.ts";
import { type Holding, hold, letGo, passOn } from "../../agent/handover/hold.ts";
import { renderNginx } from "../../agent/serving/nginx-config.ts";
import { systemClock } from "../../agent/site/clock.ts";
import { FORWARD_PORT } from "../../agent/site/names.ts";
import { poll } from "../../agent/site/poll.ts";
import type { Units } from "../../agent/system/units.ts";

const NAME = "blog.example";
const BODY = 32 << 20;
/** Addresses that visitors come from: one alone may not have so many requests under way. */
const VISITORS = 32;

export interface HoldOptions {
  /** Requests a second, and seconds for which they are held. */
  rate: number;
  held: number;
  /** Every so manieth has a body of 32 MB; 0: none. */
  large: number;
  /** Whether the site comes back to the one that held it. */
  back?: boolean;
}

export interface HoldFigures {
  requests: number;
  /** With another answer than 200, or none; and why the first ones did. */
  failed: number;
  reasons: string[];
  /** Answered by neither app, or by both. */
  notOnce: number;
  /** Waited at the end of the hold. */
  waiting: number;
  /** Seconds. */
  longest: number;
  /** From the end of the hold until fewer were under way than come in a tenth of a second. */
  drained: number;
}

/** Requests before the hold, and after it, as many seconds. */
const AROUND = 2;

export async function measureHold({ rate, held, large, back = false }: HoldOptions): Promise<HoldFigures> {
  const folder = await mkdtemp(path.join(tmpdir(), "hold-"));
  const stops: (() => Promise<void>)[] = [];
  try {
    await chmod(folder, 0o755);
    const old = await startSide(folder, "old", "127.0.0.21", stops);
    const next = await startSide(folder, "next", "127.0.0.22", stops);
    const holding = holdingOn(old.folder, stops);
    const visits = new Visits(old.address, large);
    const over = new AbortController();
    const coming = visits.come(rate, over.signal);
    await systemClock.sleep(AROUND * 1000);
    await hold(holding);
    await systemClock.sleep(held * 1000);
    const waiting = visits.underWay;
    const begun = performance.now();
    if (back) await letGo(holding, old.app);
    else await passOn(holding, { address: next.address, port: FORWARD_PORT });
    await systemClock.sleep(AROUND * 1000);
    over.abort();
    await coming;
    await visits.ended();
    const drained = (visits.quiet - begun) / 1000;
    const answered = [...old.answered, ...next.answered];
    const wrongSide = back ? next.answered.length : 0;
    return {
      requests: visits.count,
      failed: visits.failures.length,
      reasons: visits.failures.slice(0, 5),
      notOnce:
        Math.abs(visits.count - new Set(answered).size) +
        (answered.length - new Set(answered).size) +
        wrongSide,
      waiting,
      longest: visits.longest / 1000,
      drained,
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One instance: nginx as the agent has it, and an app that says which requests it answered. */
async function startSide(root: string, name: string, address: string, stops: (() => Promise<void>)[]) {
  const folder = path.join(root, name);
  await mkdir(folder);
  const at = (file: string) => path.join(folder, file);
  const { key, chain } = selfSigned([NAME], new Date());
  await writeFile(at("key.pem"), key, { mode: 0o600 });
  await writeFile(at("chain.pem"), chain);
  const answered: string[] = [];
  const app = http.createServer((request, response) => {
    const hash = createHash("sha256");
    request.on("data", (part: Buffer) => hash.update(part));
    request.on("end", () => {
      answered.push(request.url ?? "");
      response.end(hash.digest("hex"));
    });
  });
  await new Promise<void>((resolve) => app.listen({ path: at("real.sock"), backlog: 4096 }, resolve));
  await chmod(at("real.sock"), 0o666);
  await symlink(at("real.sock"), at("app.sock"));
  const text = renderNginx({
    ...{ address, names: [NAME], trusted: true, timeout: 30, hsts: 0, maxBody: 64, os: "debian-12" },
    tls: { chain: at("chain.pem"), key: at("key.pem") },
    socket: at("app.sock"),
    forwarding: { marker: at("forwarding"), socket: at("forward.sock") },
    closing: at("closing"),
    forwardPort: FORWARD_PORT,
    maintenance: { marker: at("maintenance"), page: at("page.html"), allowed: at("allowed") },
    ...{ static: [], paths: [], live: false, headers: {} },
    ...{ hold: 300, asked: at("asked.sock") },
  });
  const config = at("nginx.conf");
  await writeFile(
    config,
    text.replace(/^pid .*$/m, `pid ${folder}/nginx.pid;`).replace(/syslog:\S+tag=(\w+)/g, `${folder}/$1.log`),
  );
  await execa("nginx", ["-t", "-q", "-c", config]);
  const nginx = execa("nginx", ["-c", config, "-g", "daemon off;"], { reject: false });
  stops.push(async () => {
    app.closeAllConnections();
    app.close();
    nginx.kill("SIGTERM");
    await nginx;
  });
  await poll(
    `nginx at ${address}`,
    async () => {
      const up = await visit({ address, url: "/up", from: "127.0.3.1", body: undefined }).catch(
        () => undefined,
      );
      return up?.status === 200 ? { done: true } : { waiting: String(up?.status) };
    },
    { seconds: 10, everySeconds: 0.05 },
  );
  answered.length = 0;
  return { folder, address, app: at("real.sock"), answered };
}

/** The program of the one unit that a hold needs, as systemd would run it. */
function holdingOn(folder: string, stops: (() => Promise<void>)[]): Holding {
  const at = (file: string) => path.join(folder, file);
  const places = {
    ...{ socket: at("app.sock"), forwardSocket: at("forward.sock"), forwardConfig: at("forward.conf") },
    ...{ forwarding: at("forwarding"), holder: at("hold.py") },
    ...{ forwardPid: at("forward.pid"), forwardLog: at("forward.log") },
  };
  let child: (PromiseLike<unknown> & { kill(signal: NodeJS.Signals): boolean }) | undefined;
  const stop = async () => {
    child?.kill("SIGQUIT");
    await child;
    child = undefined;
  };
  stops.push(stop);
  const units = {
    state: async () => ({ active: child === undefined ? "inactive" : "active" }),
    start: async () => {
      const args = ["-I", places.holder, places.forwardSocket, places.forwardConfig];
      child = execa("/usr/bin/python3", args, { reject: false });
    },
    stop,
    reset: async () => {},
    reload: async () => void child?.kill("SIGHUP"),
  } as unknown as Units;
  return { units, clock: systemClock, places, timeout: 30, live: false };
}

class Visits {
  readonly #address: string;
  readonly #large: number;
  readonly #body = Buffer.alloc(BODY, "body of an upload ");
  readonly #hash = createHash("sha256").update(this.#body).digest("hex");
  readonly #going = new Set<Promise<void>>();
  #few = 0;
  readonly failures: string[] = [];
  count = 0;
  /** Milliseconds. */
  longest = 0;
  /** Milliseconds of this process's clock: since then hardly any was under way. */
  quiet = 0;

  constructor(address: string, large: number) {
    this.#address = address;
    this.#large = large;
  }

  get underWay(): number {
    return this.#going.size;
  }

  /** So many a second, whether the ones before were answered or not. */
  async come(rate: number, signal: AbortSignal): Promise<void> {
    const begun = performance.now();
    while (!signal.aborted) {
      const due = Math.floor(((performance.now() - begun) / 1000) * rate);
      this.#few = rate / 10;
      while (this.count < due) this.#one();
      await systemClock.sleep(5);
    }
  }

  async ended(): Promise<void> {
    await Promise.all(this.#going);
  }

  #one(): void {
    const n = ++this.count;
    const body = this.#large > 0 && n % this.#large === 0 ? this.#body : undefined;
    const begun = performance.now();
    const where = { address: this.#address, url: `/${n}`, from: `127.0.3.${(n % VISITORS) + 1}`, body };
    const one: Promise<void> = visit(where)
      .then(({ status, text }) => {
        if (status !== 200) this.failures.push(`${n}: HTTP ${status}`);
        else if (body !== undefined && text !== this.#hash) this.failures.push(`${n}: another body came`);
      })
      .catch((error: Error) => void this.failures.push(`${n}: ${error.message}`))
      .finally(() => {
        this.longest = Math.max(this.longest, performance.now() - begun);
        this.#going.delete(one);
        if (this.#going.size > this.#few) this.quiet = performance.now();
      });
    this.#going.add(one);
  }
}

function visit({
  address,
  url,
  from,
  body,
}: {
  address: string;
  url: string;
  from: string;
  body: Buffer | undefined;
}) {
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const request = https.request(
      {
        ...{ host: address, servername: NAME, path: url, localAddress: from, agent: false },
        ...{ method: body === undefined ? "GET" : "POST", headers: { host: NAME } },
        // The certificate is no one's.
        rejectUnauthorized: false,
      },
      (answer) => {
        let text = "";
        answer.on("data", (part: Buffer) => {
          text += part.toString();
        });
        answer.on("error", reject);
        answer.on("end", () => resolve({ status: answer.statusCode, text }));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
