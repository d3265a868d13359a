/** What nginx, with the agent's configuration, gives visitors: nothing of others, and nothing they could lie with. */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import type http from "node:http";
import https from "node:https";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { visitorClaims } from "../../agent/serving/visitor-claims.ts";
import { poll } from "../../agent/site/poll.ts";
import { pointLink } from "../../agent/system/files.ts";
import { answersIn } from "../../agent/watch/answers.ts";
import { type Front, startFront } from "./front.ts";
import { type Visit, visit } from "./visit.ts";

const NAME = "blog.example";
const ADDRESS = "127.0.0.31";
const HSTS = "max-age=3600";

let front: Front;
let asked: http.IncomingMessage[];
let counting: ReturnType<typeof leaveAnswers>;
beforeAll(async () => {
  asked = [];
  // The other tests go on meanwhile.
  counting = leaveAnswers();
  counting.catch(() => {});
  front = await startFront(ADDRESS, NAME, (request, response) => {
    asked.push(request);
    if (request.url === "/streamed") void stream(response);
    else if (request.url === "/broken") response.writeHead(500).end();
    else response.end(`app ${request.method} ${request.url}`);
  });
  const { folder } = front;
  // As on an instance: the folder is a link, which each release renames.
  await rename(path.join(folder, "static"), path.join(folder, "r1"));
  await symlink("r1", path.join(folder, "static"));
  await writeFile(path.join(folder, "r1/style.css"), "r1");
  await writeFile(path.join(folder, "secret"), "secret");
  await mkdir(path.join(folder, "others"));
  await writeFile(path.join(folder, "others/key.pem"), "secret");
});
afterAll(async () => {
  await front?.close();
  await counting.catch(() => {});
});

async function stream(response: http.ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "text/html", "x-accel-buffering": "no" });
  for (let part = 0; part < 3; part++) {
    response.write(`<p>part ${part}</p>`.repeat(50));
    await delay(300);
  }
  response.end();
}

const ask = (path: string, more: Partial<Visit> = {}) =>
  visit({ address: ADDRESS, host: NAME, ca: front.chain, path, ...more });
const closing = async <T>(run: () => Promise<T>): Promise<T> => {
  await writeFile(front.site.closing, "");
  try {
    return await run();
  } finally {
    await rm(front.site.closing);
  }
};

describe("static files", () => {
  test("come from the folder the link leads to, renamed under way", async () => {
    expect(await ask("/static/style.css")).toMatchObject({ status: 200, body: "r1" });
    await mkdir(path.join(front.folder, "r2"));
    await writeFile(path.join(front.folder, "r2/style.css"), "r2");
    await pointLink(path.join(front.folder, "static"), "r2");
    expect(await ask("/static/style.css")).toMatchObject({ status: 200, body: "r2" });
    await pointLink(path.join(front.folder, "static"), "r1");
  });

  test.each([
    ["a link to a file", "../secret", "x"],
    ["a link to a folder", "../others", "x/key.pem"],
    ["an absolute link", "/etc/passwd", "x"],
    ["a link to a file of its own", "style.css", "x"],
    ["a loop", ".", "x/x/x/style.css"],
  ])("%s is not followed, also before a reload", async (_, aim, file) => {
    await symlink(aim, path.join(front.folder, "r1/x"));
    try {
      for (const seen of [await ask(`/static/${file}`), await closing(() => ask(`/static/${file}`))]) {
        // Behind a link to a folder there is nothing, so that the app is asked.
        if (seen.status !== 403) expect(seen.body).toBe(`app GET /static/${file}`);
        expect(seen.body).not.toMatch(/secret|root:|r1/);
      }
    } finally {
      await rm(path.join(front.folder, "r1/x"));
    }
  });

  test("a FIFO keeps no one waiting", async () => {
    execFileSync("mkfifo", [path.join(front.folder, "r1/fifo")]);
    expect((await ask("/static/fifo")).body).toBe("app GET /static/fifo");
  });

  test("what is not there the app is asked for, as it was asked, also before a reload", async () => {
    for (const path of ["/static/none.css?a=b%20c", "/static/a%2Fb/n%C3%A4.css", "/static/x/../none"]) {
      expect(await ask(path)).toMatchObject({ status: 200, body: `app GET ${path}` });
    }
    expect((await ask("/static/none", { method: "POST", body: "x" })).body).toBe("app POST /static/none");
    const seen = await closing(() => ask("/static/none%20there.css?a=b"));
    expect(seen).toMatchObject({ status: 200, body: "app GET /static/none%20there.css?a=b" });
    expect(seen.headers.connection).toBe("close");
  });

  test("of the release before are found by their hash, and by nothing else", async () => {
    const { folder } = front;
    await mkdir(path.join(folder, "r0"));
    await pointLink(path.join(folder, "before"), "r0");
    for (const name of ["old.0a1b2c3d4e5f.css", "both.0a1b2c3d4e5f.css", "old.css"]) {
      await writeFile(path.join(folder, "r0", name), "r0");
    }
    await writeFile(path.join(folder, "r1/both.0a1b2c3d4e5f.css"), "r1");
    await symlink("../secret", path.join(folder, "r0/x.0a1b2c3d4e5f.css"));
    const old = await ask("/static/old.0a1b2c3d4e5f.css");
    expect(old).toMatchObject({ status: 200, body: "r0" });
    expect(old.headers).toMatchObject({
      "cache-control": "max-age=31536000",
      "x-content-type-options": "nosniff",
      "strict-transport-security": HSTS,
    });
    expect((await ask("/static/both.0a1b2c3d4e5f.css")).body).toBe("r1");
    for (const name of ["old.css?v=1", "none.0a1b2c3d4e5f.css?v=1"]) {
      expect((await ask(`/static/${name}`)).body).toBe(`app GET /static/${name}`);
    }
    expect((await ask("/static/x.0a1b2c3d4e5f.css")).body).not.toContain("secret");
  });

  test("carry nosniff and HSTS, and the app's answers only HSTS", async () => {
    for (const seen of [await ask("/static/style.css"), await closing(() => ask("/static/style.css"))]) {
      expect(seen.headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "strict-transport-security": HSTS,
      });
    }
    const app = await ask("/");
    expect(app.headers["strict-transport-security"]).toBe(HSTS);
    expect(app.headers["x-content-type-options"]).toBeUndefined();
  });

  test.each([
    ["a.mjs", "application/javascript"],
    ["a.webmanifest", "application/manifest+json"],
    ["a.vtt", "text/vtt"],
    ["a.wasm", "application/wasm"],
    ["a.avif", "image/avif"],
  ])("%s is %s", async (file, type) => {
    await writeFile(path.join(front.folder, "r1", file), "x");
    expect((await ask(`/static/${file}`)).headers["content-type"]?.split(";")[0]).toBe(type);
  });

  test.each([
    ["menu.20240115.pdf", 3600],
    ["menu.202401151230.pdf", 3600],
    ["the.facade.css", 3600],
    ["defaced.beefcafe.css", 3600],
    ["style.css", 3600],
    ["style.0a1b2c3d4e5f.css", 31536000],
    ["app.3b1c2d4e.js", 31536000],
    ["app.js.0a1b2c3d4e5f.map", 31536000],
    ["app.3b1c2d4e.js.map", 31536000],
  ])("%s is kept for %s s", async (file, seconds) => {
    await writeFile(path.join(front.folder, "r1", file), "x");
    expect((await ask(`/static/${file}`)).headers["cache-control"]).toBe(`max-age=${seconds}`);
  });
});

test.each(["identity", "gzip"])("a page that the app streams comes piece by piece: %s", async (encoding) => {
  const begun = performance.now();
  const times = await new Promise<number[]>((resolve, reject) => {
    const seen: number[] = [];
    const request = https.get(
      {
        ...{ host: ADDRESS, servername: NAME, path: "/streamed", agent: false, ca: front.chain },
        headers: { host: NAME, "accept-encoding": encoding },
      },
      (answer) => {
        expect(answer.headers["content-encoding"] ?? "identity").toBe(encoding);
        answer.on("data", () => seen.push(performance.now() - begun));
        answer.on("end", () => resolve(seen));
      },
    );
    request.on("error", reject);
  });
  expect(times[0]).toBeLessThan(280);
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(500);
});

test("the 503 page carries HSTS", async () => {
  const { socket } = front.site;
  await rename(socket, `${socket}.away`);
  try {
    const seen = await ask("/");
    expect(seen).toMatchObject({ status: 503, headers: { "strict-transport-security": HSTS } });
    expect(seen.headers["retry-after"]).toBeDefined();
  } finally {
    await rename(`${socket}.away`, socket);
  }
});

test("a visitor tells the app nothing that only nginx may, in whatever spelling", async () => {
  const told = [
    ...["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip"],
    // What apps take for the path that they are served below, whatever the list says.
    ...["X-Script-Name", "Script-Name", "X-Path-Info", "Path-Info"],
  ];
  const spellings = (name: string) => [
    name,
    name.toUpperCase(),
    name.replaceAll("-", "_"),
    name.replace("-", "_"),
  ];
  for (const name of [...visitorClaims, ...told]) {
    for (const spelling of spellings(name)) {
      asked = [];
      await ask("/", { headers: { [spelling]: "a-lie", "X-Own": "kept" } });
      const [seen] = asked;
      expect(JSON.stringify(seen?.rawHeaders)).not.toContain("a-lie");
      expect(seen?.headers["x-own"]).toBe("kept");
    }
  }
  expect(asked[0]?.headers).toMatchObject({
    "x-forwarded-proto": "https",
    "x-forwarded-host": NAME,
    "x-forwarded-port": "443",
    "x-real-ip": expect.stringMatching(/^127\./),
  });
});

test("each answer leaves its status for the agent to count, and nothing of what was asked", async () => {
  const { counted, kept } = await counting;
  // Who waited for nginx at its start is among them.
  expect(counted).toEqual({ all: 4, failed: 2 });
  expect(kept).toMatch(/^(\d{3}\n)+$/);
});

/** What four answers leave; nginx takes 5 s to write it. */
async function leaveAnswers() {
  const address = "127.0.0.39";
  const own = await startFront(address, NAME, (request, response) => {
    response.writeHead(request.url === "/broken" ? 500 : 200).end();
  });
  try {
    const file = own.site.answers ?? "";
    const look = answersIn(file);
    await look();
    const ask = (path: string) => visit({ address, host: NAME, ca: own.chain, path });
    for (const url of ["/", "/broken", "/broken", "/secret?word=1"]) await ask(url);
    const counted = { all: 0, failed: 0 };
    await poll(
      "nginx to write",
      async () => {
        const { all, failed } = await look();
        counted.all += all;
        counted.failed += failed;
        return counted.failed >= 2 ? { done: true } : { waiting: JSON.stringify(counted) };
      },
      { seconds: 15, everySeconds: 0.2 },
    );
    return { counted, kept: await readFile(file, "latin1") };
  } finally {
    await own.close();
  }
}
