import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lookAround, type Seen } from "../../../agent/look/look.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const HTML = { "content-type": "text/html; charset=utf-8" };

let folder: string;
let server: http.Server;
let pages: Record<string, http.RequestListener>;
let asked: string[];
let seen: Seen;
let clock: ManualClock;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-look-"));
  await mkdir(join(folder, "static"));
  asked = [];
  pages = { "/": page("<h1>Blog</h1>"), "/healthz": (_, response) => response.end("ok") };
  server = http.createServer((request, response) => {
    asked.push(request.url ?? "");
    const listener = pages[request.url ?? ""];
    if (listener === undefined) response.writeHead(404, HTML).end("<h1>Not found</h1>");
    else listener(request, response);
  });
  const socket = join(folder, "app.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  clock = new ManualClock();
  seen = {
    ...{ app: socket, facts: folder, workers: 2, hosts: ["blog.example", "www.blog.example"] },
    ...{ health: "/healthz", static: [{ url: "/static/", folder: join(folder, "static") }] },
  };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

const page =
  (html: string): http.RequestListener =>
  (_, response) =>
    response.writeHead(200, HTML).end(html);
const leadsTo =
  (location: string): http.RequestListener =>
  (_, response) =>
    response.writeHead(302, { location }).end();
const fails: http.RequestListener = (_, response) => response.writeHead(500, HTML).end("<h1>Error</h1>");

const look = () => lookAround(seen, clock, new AbortController().signal);
const found = async () => (await look()).found;
const says = (pid: number, facts: object) =>
  writeFile(join(folder, `worker-${pid}.json`), JSON.stringify(facts));

test("a site that is as it should be is said nothing about", async () => {
  await writeFile(join(folder, "static/a.css"), "");
  pages["/"] = page(
    '<link rel="stylesheet" href="/static/a.css"><script src="/app.js"></script><script src="https://cdn.example/x.js"></script>',
  );
  pages["/app.js"] = (_, response) => response.end("1");
  await says(7, { debug: false, key: "k1", insecure: false, source: null });
  await says(8, { debug: false, key: "k1", insecure: false, source: null });
  expect(await look()).toEqual({ found: [], whole: true });
  // nginx serves what is in the folder, and asks the app for what is not.
  expect(asked).not.toContain("/static/a.css");
  expect(asked.filter((path) => /^\/[0-9a-f]{12}\/$/.test(path))).toHaveLength(1);
});

test("every page fails, also behind a login that / leads to", async () => {
  pages["/"] = leadsTo("https://blog.example/login/?next=/");
  pages["/login/?next=/"] = fails;
  expect(await found()).toEqual(["/, which leads to /login/?next=/, answers 500"]);
  pages["/"] = leadsTo("/");
  expect(await found()).toEqual(["/ redirects without end, last to /"]);
  pages["/"] = leadsTo("https://elsewhere.example/");
  expect(await found()).toEqual([]);
});

test("stylesheets and scripts that are not there are named; a link in the folder is none of nginx's", async () => {
  await writeFile(join(folder, "secret"), "");
  await symlink(join(folder, "secret"), join(folder, "static/link.css"));
  pages["/"] = page(
    '<link rel="stylesheet" href="/static/a.css"><link rel="stylesheet" href="/static/link.css"><link rel="stylesheet" href="/static/../secret"><script src="/static/app.js"></script>',
  );
  pages["/static/app.js"] = (_, response) => response.end("served by the app");
  expect(await found()).toEqual([
    "3 of 4 stylesheets and scripts of / are not there: /static/a.css (404), /static/link.css (404), /secret (404)",
  ]);
});

test("a page that is not there tells of DEBUG, and of an error page that fails itself", async () => {
  const debug = "<p>You’re seeing this error because you have <code>DEBUG = True</code> in your settings.";
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    if (request.url === "/") response.end("ok");
    else response.writeHead(404, HTML).end(debug);
  });
  expect(await found()).toEqual([expect.stringMatching(/^DEBUG is on/)]);
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    if (request.url === "/" || request.url === "/healthz") response.end("ok");
    else fails(request, response);
  });
  expect(await found()).toEqual(["a page that does not exist answers 500 instead of 404"]);
});

test("what the workers hold: DEBUG, another key in each, a key that anyone can read", async () => {
  await says(7, { debug: true, key: "k1", insecure: false, source: null });
  await says(8, { debug: true, key: "k2", insecure: false, source: null });
  expect(await found()).toEqual([
    expect.stringMatching(/^DEBUG is on/),
    expect.stringMatching(/^SECRET_KEY differs from worker to worker/),
  ]);
  await says(7, { debug: false, key: "k1", insecure: true, source: "mysite/settings.py" });
  await says(8, { debug: false, key: "k1", insecure: true, source: "mysite/settings.py" });
  expect(await found()).toEqual([expect.stringMatching(/^SECRET_KEY stands in mysite\/settings\.py/)]);
});

test("a worker that has not spoken yet is waited for; what is no file of a worker is left alone", async () => {
  await says(7, { debug: false, key: "k1" });
  await symlink("/etc/passwd", join(folder, "worker-9.json"));
  await writeFile(join(folder, "worker-10.json"), "[".repeat(100_000));
  const looking = found();
  await expect.poll(() => clock.sleeping).toBe(2);
  await says(8, { debug: false, key: "k2" });
  await clock.advance(50);
  expect(await looking).toEqual([expect.stringMatching(/^SECRET_KEY differs from worker to worker/)]);
});

test("what does not answer within two seconds is not judged", async () => {
  pages["/"] = () => {};
  const looking = look();
  await expect.poll(() => asked).toContain("/");
  await clock.advance(2000);
  expect(await looking).toEqual({ found: [], whole: false });
});
