import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectionsTo, drained } from "../../../agent/serving/drain.ts";
import { systemClock } from "../../../agent/site/clock.ts";

let folder: string;
let server: net.Server;
let socket: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drain-"));
  socket = join(folder, "app.sock");
  server = net.createServer((connection) => connection.resume());
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

test("waits for the kernel's last connection, and no longer than it may", async () => {
  expect(await drained(socket, { seconds: 1, live: false }, systemClock)).toBe(true);
  const client = net.connect(socket);
  await new Promise((resolve) => client.once("connect", resolve));
  expect(await drained(socket, { seconds: 0.2, live: false }, systemClock)).toBe(false);
  setTimeout(() => client.destroy(), 150);
  const started = performance.now();
  expect(await drained(socket, { seconds: 5, live: false }, systemClock)).toBe(true);
  expect(performance.now() - started).toBeGreaterThan(100);
});

test("of an app whose connections stay, only those count that no one has taken", () => {
  const head = "Num       RefCount Protocol Flags    Type St Inode Path";
  const line = (flags: string, state: string, path = "/a.sock") =>
    `0000000000000000: 00000002 00000000 ${flags} 0001 ${state} 12345 ${path}`;
  const table = [head, line("00010000", "01"), line("00000000", "03"), line("00000000", "03")].join("\n");
  expect(connectionsTo("/a.sock", table)).toBe(2);
  expect(connectionsTo("/a.sock", table, "waiting")).toBe(0);
  expect(connectionsTo("/a.sock", `${table}\n${line("00000000", "02")}`, "waiting")).toBe(1);
});
