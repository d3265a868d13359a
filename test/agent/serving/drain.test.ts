import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drained } from "../../../agent/serving/drain.ts";
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
  expect(await drained(socket, 1, systemClock)).toBe(true);
  const client = net.connect(socket);
  await new Promise((resolve) => client.once("connect", resolve));
  expect(await drained(socket, 0.2, systemClock)).toBe(false);
  setTimeout(() => client.destroy(), 150);
  const started = performance.now();
  expect(await drained(socket, 5, systemClock)).toBe(true);
  expect(performance.now() - started).toBeGreaterThan(100);
});
