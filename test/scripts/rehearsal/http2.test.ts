import { mkdtemp, readFile, rm } from "node:fs/promises";
import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Http2Client } from "../../../scripts/rehearsal/http2.ts";

let folder: string;
let certificate: Buffer;
let server: Http2SecureServer;
let client: Http2Client;
let sessions: ServerHttp2Session[];
let looks: number;
/** Of the next requests. */
let refuse: number;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-http2-"));
  await execa("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-keyout", path.join(folder, "key"), "-out", path.join(folder, "certificate")],
    ...["-subj", "/CN=blog.example", "-addext", "subjectAltName=DNS:blog.example"],
  ]);
  certificate = await readFile(path.join(folder, "certificate"));
});
afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  [sessions, looks, refuse] = [[], 0, 0];
  server = createSecureServer({ key: await readFile(path.join(folder, "key")), cert: certificate });
  server.on("session", (session) => sessions.push(session));
  server.on("stream", async (stream, headers) => {
    stream.on("error", () => undefined);
    if (refuse-- > 0) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    let body = "";
    for await (const part of stream) body += part;
    stream.respond({ ":status": 200 });
    stream.end(`${headers[":method"]} ${headers[":path"]} ${body}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = new Http2Client({
    ...{ host: "blog.example", ca: certificate, timeout: 2_000 },
    resolve: async () => {
      looks++;
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
  });
});
afterEach(async () => {
  await client.close();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test("all requests go over one connection, for which the name was looked up once", async () => {
  const asked = await Promise.all([client.request("GET", "/a"), client.request("POST", "/b", "{}")]);
  expect(asked.map((a) => a.body)).toEqual(["GET /a ", "POST /b {}"]);
  expect(asked[0]).toMatchObject({ status: 200, serial: expect.any(String) });
  await client.request("GET", "/c");
  expect([sessions.length, looks]).toEqual([1, 1]);
});

test("a server that goes away is left, and the name looked up again", async () => {
  await client.request("GET", "/a");
  sessions[0]?.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await client.request("GET", "/b");
  expect([sessions.length, looks]).toEqual([2, 2]);
});

test("what the server did not look at is asked again, but not forever", async () => {
  refuse = 2;
  expect((await client.request("GET", "/a")).status).toBe(200);
  refuse = 99;
  await expect(client.request("GET", "/b")).rejects.toThrow("refused");
});

test("a server that is not there fails the request, and the next one tries again", async () => {
  const dead = new Http2Client({
    ...{ host: "blog.example", ca: certificate, timeout: 2_000 },
    resolve: async () => `127.0.0.1:${looks++ === 0 ? 9 : (server.address() as AddressInfo).port}`,
  });
  await expect(dead.request("GET", "/a")).rejects.toThrow();
  expect((await dead.request("GET", "/b")).status).toBe(200);
  await dead.close();
});
