/** An old instance hands its requests to a new one: real nginx on both sides, under load. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { selfSigned } from "../../agent/certificate/self-signed.ts";
import { renderForward } from "../../agent/handover/forward-config.ts";
import { askHealth } from "../../agent/serving/health.ts";
import { renderNginx } from "../../agent/serving/nginx-config.ts";
import { poll } from "../../agent/site/poll.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

const NAME = "blog.example";
const FORWARD_PORT = 8079;

interface Instance {
  folder: string;
  address: string;
  /** Ids of the POST requests its app has answered. */
  posts: string[];
  seen: http.IncomingHttpHeaders[];
  /** Ends its nginx. */
  stop(): Promise<void>;
  app: http.Server;
}

let folder: string;
let old: Instance;
let next: Instance;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  requireSandbox();
  folder = await mkdtemp(path.join(tmpdir(), "handover-"));
  const { key, chain } = selfSigned([NAME], new Date());
  await writeFile(path.join(folder, "key.pem"), key);
  await writeFile(path.join(folder, "chain.pem"), chain);
  await execa("chmod", ["-R", "a+rX", folder]);
  old = await startInstance("old", "127.0.0.11");
  next = await startInstance("new", "127.0.0.12");
}, 20_000);
afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()));
  for (const instance of [old, next]) instance?.app.close();
  await rm(folder, { recursive: true, force: true });
});

async function startInstance(release: string, address: string): Promise<Instance> {
  const own = path.join(folder, release);
  await mkdir(path.join(own, "static"), { recursive: true });
  await writeFile(path.join(own, "static", "a.txt"), `${release}'s file`);
  const posts: string[] = [];
  const seen: http.IncomingHttpHeaders[] = [];
  const app = http.createServer((request, response) => {
    seen.push(request.headers);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method === "POST") posts.push(Buffer.concat(chunks).toString());
      setTimeout(() => response.end(release), request.url === "/slow" ? 1_500 : 2);
    });
  });
  await new Promise<void>((resolve) => app.listen(path.join(own, "real.sock"), resolve));
  await execa("chmod", ["a+rw", path.join(own, "real.sock")]);
  await symlink("real.sock", path.join(own, "app.sock"));
  const text = renderNginx({
    address,
    names: [NAME],
    tls: { chain: path.join(folder, "chain.pem"), key: path.join(folder, "key.pem") },
    trusted: true,
    socket: path.join(own, "app.sock"),
    forwarding: { marker: path.join(own, "forwarding"), socket: path.join(own, "forward.sock") },
    closing: path.join(own, "closing"),
    forwardPort: FORWARD_PORT,
    maintenance: {
      marker: path.join(own, "on"),
      page: path.join(own, "page"),
      allowed: path.join(own, "ok"),
    },
    static: [{ url: "/static/", folder: path.join(own, "static"), before: path.join(own, "before") }],
    ...{ paths: [], live: false, headers: {} },
    timeout: 10,
    hsts: 0,
    maxBody: 32,
    os: "debian-12",
  });
  const config = path.join(own, "nginx.conf");
  // Two machines have two file systems; these two share one.
  await writeFile(
    config,
    text.replace(/^pid .*$/m, `pid ${own}/nginx.pid;`).replace(/syslog:\S+tag=(\w+)/g, `${own}/$1.log`),
  );
  return { folder: own, address, posts, seen, app, stop: await startNginx(config, ["-g", "daemon off;"]) };
}

async function startNginx(config: string, more: string[] = []): Promise<() => Promise<void>> {
  await execa("nginx", ["-t", "-q", "-c", config]);
  const child = execa("nginx", ["-c", config, ...more], { reject: false });
  const stop = async () => {
    child.kill("SIGTERM");
    await child;
  };
  stops.push(stop);
  return stop;
}

async function startForwarder(): Promise<void> {
  const socket = path.join(old.folder, "forward.sock");
  const config = path.join(old.folder, "forward.conf");
  const to = { address: next.address, port: FORWARD_PORT };
  const app = path.join(old.folder, "app.sock");
  const [pid, log] = [path.join(old.folder, "forward.pid"), path.join(old.folder, "forward.log")];
  await writeFile(config, renderForward({ socket, pid, log, to, app, timeout: 10, live: false }));
  await startNginx(config);
  await poll(
    "the forwarder",
    async () => {
      const { ok, seen } = await askHealth(socket, "/", NAME);
      return ok ? { done: true } : { waiting: seen };
    },
    { seconds: 5, everySeconds: 0.05 },
  );
}

interface Answer {
  sent: number;
  answered: number;
  body: string;
  status: number | undefined;
  connection: string | undefined;
}

function ask(agent: https.Agent, url: string, post?: string): Promise<Answer> {
  const sent = performance.now();
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: old.address,
        servername: NAME,
        path: url,
        method: post === undefined ? "GET" : "POST",
        headers: { host: NAME },
        agent,
        rejectUnauthorized: false,
        signal: AbortSignal.timeout(8_000),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({
            sent,
            answered: performance.now(),
            body: Buffer.concat(chunks).toString(),
            status: answer.statusCode,
            connection: answer.headers.connection,
          }),
        );
      },
    );
    request.on("error", reject);
    request.end(post);
  });
}

test("no request is lost, each POST is answered once, kept connections are closed, running requests end", async () => {
  await poll(
    "both front doors",
    async () => {
      const up = await ask(new https.Agent(), "/").catch((error: Error) => error.message);
      return typeof up === "string" ? { waiting: up } : { done: up };
    },
    { seconds: 5, everySeconds: 0.05 },
  );
  const keepAlive = new https.Agent({ keepAlive: true, maxSockets: 4 });
  const fresh = new https.Agent({ keepAlive: false });
  const asked: { post: string | undefined; kept: boolean; answer: Promise<Answer | Error> }[] = [];
  let count = 0;
  const load = setInterval(() => {
    for (const agent of [keepAlive, fresh]) {
      const post = ++count % 3 === 0 ? `post-${count}` : undefined;
      const answer = ask(agent, "/", post).catch((error: Error) => error);
      asked.push({ post, kept: agent === keepAlive, answer });
    }
  }, 15);
  await delay(1_500);
  const slow = ask(fresh, "/slow");
  await delay(300);

  await startForwarder();
  const switching = performance.now();
  await writeFile(path.join(old.folder, "forwarding"), "");
  const switched = performance.now();
  await delay(2_500);
  clearInterval(load);

  const answers = await Promise.all(asked.map(async (a) => ({ ...a, answer: await a.answer })));
  const failed = answers.filter(({ answer }) => answer instanceof Error || answer.status !== 200);
  expect(failed).toEqual([]);
  expect(answers.length).toBeGreaterThan(200);
  const good = answers.flatMap(({ answer, ...rest }) =>
    answer instanceof Error ? [] : [{ ...rest, ...answer }],
  );
  const after = good.filter(({ sent }) => sent > switched);
  expect(after.length).toBeGreaterThan(100);
  expect(new Set(after.map(({ body }) => body))).toEqual(new Set(["new"]));
  expect(new Set(after.filter((a) => a.kept).map((a) => a.connection))).toEqual(new Set(["close"]));
  const before = good.filter(({ answered }) => answered < switching);
  expect(new Set(before.map(({ body }) => body))).toEqual(new Set(["old"]));
  expect(new Set(before.filter((a) => a.kept).map((a) => a.connection))).toEqual(new Set(["keep-alive"]));

  const sent = good.flatMap(({ post }) => post ?? []).sort();
  expect([...old.posts, ...next.posts].sort()).toEqual(sent);
  expect(old.posts.length).toBeGreaterThan(20);
  expect(next.posts.length).toBeGreaterThan(20);
  expect(await slow).toMatchObject({ status: 200, body: "old" });
  keepAlive.destroy();
}, 30_000);

test("the new app sees the visitor, and HTTPS, through both machines", () => {
  const { "x-forwarded-for": visitor, "x-forwarded-proto": scheme, host } = next.seen.at(-1) ?? {};
  expect({ visitor, scheme, host }).toEqual({ visitor: "127.0.0.1", scheme: "https", host: NAME });
});

test("static files are the new release's", async () => {
  expect(await ask(new https.Agent(), "/static/a.txt")).toMatchObject({ status: 200, body: "new's file" });
});

test("a new owner that cannot be reached: the old release answers", async () => {
  await next.stop();
  expect(await ask(new https.Agent(), "/", "late")).toMatchObject({ status: 200, body: "old" });
  expect(old.posts.at(-1)).toBe("late");
});

test("without the marker the old instance answers by itself, and keeps connections", async () => {
  await rm(path.join(old.folder, "forwarding"));
  const agent = new https.Agent({ keepAlive: true });
  expect(await ask(agent, "/")).toMatchObject({ status: 200, body: "old", connection: "keep-alive" });
  agent.destroy();
});
