import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMetadata } from "../../../agent/aws/imds.ts";
import { interruptionWatcher } from "../../../agent/watch/interruption.ts";

const answers = new Map<string, { status: number; body: string }>();
let tokens = 0;
let valid = "";
const server = createServer((request, response) => {
  const path = (request.url ?? "").replace("/latest/", "");
  if (request.method === "PUT" && path === "api/token") {
    valid = `token-${++tokens}`;
    response.end(valid);
    return;
  }
  if (request.headers["x-aws-ec2-metadata-token"] !== valid) {
    response.writeHead(401).end();
    return;
  }
  const answer = answers.get(path) ?? { status: 404, body: "" };
  response.writeHead(answer.status).end(answer.body);
});

let endpoint = "";
beforeEach(async () => {
  answers.clear();
  tokens = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const ACTION = "meta-data/spot/instance-action";
const REBALANCE = "meta-data/events/recommendations/rebalance";

test("nothing there is nothing to tell", async () => {
  expect(await interruptionWatcher(createMetadata(endpoint)).look()).toEqual([]);
});

test("a notice and a recommendation are reported once each, a later notice again", async () => {
  const watcher = interruptionWatcher(createMetadata(endpoint));
  answers.set(REBALANCE, { status: 200, body: '{"noticeTime":"2026-11-21T08:00:00Z"}' });
  expect(await watcher.look()).toEqual([{ kind: "rebalance", time: Date.UTC(2026, 10, 21, 8) }]);
  answers.set(ACTION, { status: 200, body: '{"action":"terminate","time":"2026-11-21T08:02:00Z"}' });
  expect(await watcher.look()).toEqual([
    { kind: "interruption", action: "terminate", time: Date.UTC(2026, 10, 21, 8, 2) },
  ]);
  expect(await watcher.look()).toEqual([]);
  answers.set(ACTION, { status: 200, body: '{"action":"stop","time":"2026-11-21T09:00:00Z"}' });
  expect(await watcher.look()).toMatchObject([{ kind: "interruption", action: "stop" }]);
});

test.each([
  ["not JSON", { status: 200, body: "<html>" }, /answered .*instance-action with "<html>"/],
  ["another form", { status: 200, body: '{"action":"dance"}' }, /answered/],
  ["an error", { status: 500, body: "" }, /HTTP 500/],
])("%s is trouble, never an interruption", async (_, answer, message) => {
  const watcher = interruptionWatcher(createMetadata(endpoint));
  answers.set(ACTION, answer);
  await expect(watcher.look()).rejects.toThrow(message);
  answers.delete(ACTION);
  expect(await watcher.look()).toEqual([]);
});

test("an expired token is replaced and the question asked again", async () => {
  const watcher = interruptionWatcher(createMetadata(endpoint));
  await watcher.look();
  valid = "somebody else's";
  expect(await watcher.look()).toEqual([]);
  expect(tokens).toBe(2);
});

test("a service that is not there is trouble", async () => {
  const watcher = interruptionWatcher(createMetadata("http://127.0.0.1:9"));
  await expect(watcher.look()).rejects.toThrow(/instance metadata service: api\/token/);
});
