/** What nginx, with the agent's configuration, gives visitors of uploads, of which some have only their name here. */

import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { serveUploads } from "../../agent/state/media/serve.ts";
import { type Front, startFront } from "./front.ts";
import { type Visit, visit } from "./visit.ts";

const NAME = "blog.example";
const ADDRESS = "127.0.0.33";

let folder: string;
let front: Front;
let server: Server;
let fetched: string[];
const at = (name: string) => path.join(folder, "up loads", name);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "front-media-"));
  await chmod(folder, 0o755);
  await mkdir(at("2026"), { recursive: true });
  const socket = path.join(folder, "uploads.sock");
  const fetch = async (name: string) => {
    fetched.push(name);
    if (name === "broken") throw new Error("S3 does not answer");
    if (!name.startsWith("2026/absent")) return false;
    await writeFile(at(name), `content of ${name}`);
    await chmod(at(name), 0o664);
    return true;
  };
  server = await serveUploads({ fetch }, socket, () => {});
  front = await startFront(ADDRESS, NAME, (request, response) => response.end(`app ${request.url}`), {
    media: { url: "/me.dia/", folder: path.join(folder, "up loads"), socket },
  });
});
beforeEach(() => {
  fetched = [];
});
afterAll(async () => {
  await front?.close();
  server?.close();
  server?.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

const ask = (path: string, more: Partial<Visit> = {}) =>
  visit({ address: ADDRESS, host: NAME, ca: front.chain, path, ...more });
/** As a take-over lays it out. */
const layOut = (name: string) => writeFile(at(name), "\0".repeat(64), { mode: 0o600 });

test("what is on the disk is served from there; a page or a picture that could run code runs none", async () => {
  for (const name of ["a b.txt", "page.html", "drawing.svg", "photo.jpg"]) await writeFile(at(name), name);
  expect(await ask("/me.dia/a%20b.txt")).toMatchObject({ status: 200, body: "a b.txt" });
  for (const name of ["page.html", "drawing.svg"]) {
    const { headers } = await ask(`/me.dia/${name}`);
    expect(headers["content-security-policy"]).toMatch(/^sandbox; default-src 'none'/);
  }
  const { headers } = await ask("/me.dia/photo.jpg");
  expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "content-type": "image/jpeg" });
  expect(headers["content-security-policy"]).toBeUndefined();
  expect(headers["strict-transport-security"]).toBeDefined();
  expect(fetched).toEqual([]);
});

test("what has only its name here is fetched, and served with all that belongs to it; then from the disk", async () => {
  const name = "2026/absent é+%?.html";
  const url = `/me.dia/2026/${encodeURIComponent("absent é+%?.html")}`;
  await layOut(name);
  const first = await ask(url);
  expect(first).toMatchObject({ status: 200, body: `content of ${name}` });
  expect(first.headers["content-security-policy"]).toMatch(/^sandbox/);
  expect(await ask(url)).toMatchObject({ status: 200, body: `content of ${name}` });
  expect(fetched).toEqual([name]);
  await layOut("2026/absent.bin");
  const part = await ask("/me.dia/2026/absent.bin", { headers: { range: "bytes=0-6" } });
  expect(part).toMatchObject({ status: 206, body: "content" });
});

test("nothing else is given out", async () => {
  await symlink("/etc/passwd", at("link"));
  await writeFile(path.join(folder, "secret"), "secret");
  for (const url of ["/me.dia/link", "/me.dia/nothing", "/me.dia/", "/me.dia/2026", "/me.dia/%ff"]) {
    const { status, body } = await ask(url);
    expect([url, status]).toEqual([
      url,
      expect.toSatisfy((n: number) => n === 404 || n === 400 || n === 301),
    ]);
    expect(body).not.toMatch(/root:|secret/);
  }
  expect((await ask("/me.dia/..%2fsecret")).body).toBe("app /me.dia/..%2fsecret");
  await writeFile(at("plain.txt"), "x");
  expect((await ask("/.everspot-uploads/plain.txt")).status).toBe(404);
  expect((await ask("/mexdia/plain.txt")).body).toBe("app /mexdia/plain.txt");
});

test("what cannot be fetched is asked for again later", async () => {
  await layOut("broken");
  const { status, headers } = await ask("/me.dia/broken");
  expect([status, headers["retry-after"]]).toEqual([503, "5"]);
});

test("before a reload each answer closes its connection, and is the same", async () => {
  await writeFile(at("here.txt"), "here");
  await layOut("2026/absent.txt");
  await writeFile(front.site.closing, "");
  try {
    expect(await ask("/me.dia/here.txt")).toMatchObject({ status: 200, body: "here" });
    expect((await ask("/me.dia/2026/absent.txt")).body).toBe("content of 2026/absent.txt");
  } finally {
    await rm(front.site.closing);
  }
});
