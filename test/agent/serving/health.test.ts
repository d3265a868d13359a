import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askHealth, definiteAnswer } from "../../../agent/serving/health.ts";

let folder: string;
let socket: string;
let server: http.Server;
let answer: http.RequestListener;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-health-"));
  socket = join(folder, "app.sock");
  server = http.createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

test("asks as nginx will: with the site's name and as HTTPS", async () => {
  let seen: http.IncomingMessage | undefined;
  answer = (request, response) => {
    seen = request;
    response.end("ok");
  };
  expect(await askHealth(socket, "/healthz", "blog.example")).toMatchObject({ ok: true, seen: "HTTP 200" });
  expect(seen?.url).toBe("/healthz");
  expect(seen?.headers).toMatchObject({ host: "blog.example", "x-forwarded-proto": "https" });
});

test("only 200 is healthy, and a redirect says where to", async () => {
  answer = (_, response) => response.writeHead(204).end();
  expect(await askHealth(socket, "/", "blog.example")).toEqual({ ok: false, seen: "HTTP 204", status: 204 });
  answer = (_, response) => response.writeHead(301, { location: "https://blog.example/" }).end();
  expect(await askHealth(socket, "/", "blog.example")).toEqual({
    ok: false,
    seen: "HTTP 301 to https://blog.example/",
    status: 301,
  });
});

test("no socket, a hung-up connection and silence are answers too", async () => {
  expect(await askHealth(join(folder, "none.sock"), "/", "a")).toMatchObject({
    ...{ listens: false, seen: expect.stringContaining("ENOENT") },
  });
  answer = (request) => request.socket.destroy();
  expect((await askHealth(socket, "/", "a")).ok).toBe(false);
  answer = () => {};
  expect(await askHealth(socket, "/", "a", 50)).toEqual({ ok: false, seen: "no answer" });
});

test("the same answer for three seconds is the last word, unless a server that gets ready may give it", () => {
  let now = 0;
  const ask = (status: number | undefined, at: number) => {
    now = at * 1000;
    return isDefinite({ ok: false, seen: "", status });
  };
  let isDefinite = definiteAnswer(() => now);
  expect([ask(undefined, 0), ask(500, 1), ask(500, 3.9), ask(500, 4)]).toEqual([false, false, false, true]);
  isDefinite = definiteAnswer(() => now);
  expect([ask(500, 0), ask(302, 2), ask(302, 4), ask(302, 5)]).toEqual([false, false, false, true]);
  isDefinite = definiteAnswer(() => now);
  expect([ask(503, 0), ask(503, 29), ask(undefined, 30), ask(undefined, 60)]).not.toContain(true);
});

test("a link of root's leads to the socket, one in the socket's place nowhere", async () => {
  answer = (_, response) => response.end("ok");
  const theirs = join(folder, "theirs.sock");
  await symlink(socket, theirs);
  expect(await askHealth(theirs, "/", "a")).toEqual({ ok: false, seen: `${theirs} is not a socket` });
  const link = join(folder, "link");
  await symlink(socket, link);
  expect(await askHealth({ link }, "/", "a")).toMatchObject({ ok: true, seen: "HTTP 200" });
  const toTheirs = join(folder, "to-theirs");
  await symlink(theirs, toTheirs);
  expect((await askHealth({ link: toTheirs }, "/", "a")).seen).toBe(`${theirs} is not a socket`);
  await writeFile(join(folder, "file"), "");
  expect((await askHealth(join(folder, "file"), "/", "a")).seen).toContain("is not a socket");
});
