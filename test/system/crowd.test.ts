/** One address holds open as many half-sent requests as it can; a visitor from another one asks beside it. */
import http from "node:http";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { crowdRules } from "../../agent/isolation/crowd-rules.ts";
import { type Front, startFront } from "./front.ts";
import { visit } from "./visit.ts";

const NAME = "blog.example";
const ADDRESS = "127.0.0.32";
/** What kept all visitors out when a worker had 1,024 connections. */
const CROWD = 2_300;

let front: Front | undefined;
let crowd: net.Socket[] = [];
/** nft's tables are common to all machines of a sandbox: those of earlier ones may have left theirs. */
const withoutLimit = () => execa("nft", ["delete", "table", "inet", "everspot"], { reject: false });
beforeEach(async () => {
  await withoutLimit();
});
afterEach(async () => {
  for (const socket of crowd) socket.destroy();
  crowd = [];
  await front?.close();
  await withoutLimit();
});

function halfSent(port: number): net.Socket {
  const socket = net.connect({ host: ADDRESS, port, localAddress: "127.0.0.77" });
  socket.on("error", () => {});
  // Of a TLS handshake the first bytes, of a request no more than its first header.
  const tls = Buffer.from("1603010200010001fc0303", "hex");
  socket.write(port === 443 ? tls : `GET / HTTP/1.1\r\nHost: ${NAME}\r\n`);
  return socket;
}

async function milliseconds(): Promise<number> {
  const begun = performance.now();
  const { status } = await visit({ address: ADDRESS, host: NAME, ca: front?.chain ?? "" });
  expect(status).toBe(200);
  return performance.now() - begun;
}

test.each([
  ["nginx alone", false],
  ["nginx behind the kernel's limit", true],
])("a visitor beside 2,300 half-sent requests is served: %s", async (_, limited) => {
  front = await startFront(ADDRESS, NAME, (_request, response) => response.end("hello"));
  if (limited) await execa("nft", ["-f", "-"], { input: crowdRules });
  const alone = await milliseconds();
  crowd = Array.from({ length: CROWD }, (_, n) => halfSent(n % 2 === 0 ? 443 : 80));
  await delay(1_000);
  const open = crowd.filter((socket) => socket.readyState === "open").length;
  const times: number[] = [];
  for (let n = 0; n < 10; n++) times.push(await milliseconds());
  console.info(
    `${open} of ${CROWD} open; a visitor alone ${alone.toFixed()} ms, beside them at most ${Math.max(...times).toFixed()} ms`,
  );
  if (limited) expect(open).toBeLessThan(1_000);
  else expect(open).toBeGreaterThan(2_000);
  expect(Math.max(...times)).toBeLessThan(1_000);
});

test("256 requests of one address are worked on at a time, and another one's beside them", async () => {
  const answer: http.RequestListener = (request, response) => {
    setTimeout(() => response.end("hello"), request.url === "/slow" ? 2_000 : 0);
  };
  // Plain HTTP serves the site too: 300 TLS handshakes would take longer than the requests.
  front = await startFront(ADDRESS, NAME, answer, { trusted: false });
  const slow = {
    host: ADDRESS,
    path: "/slow",
    agent: false,
    localAddress: "127.0.0.77",
    headers: { host: NAME },
  };
  const asked = Array.from(
    { length: 300 },
    () =>
      new Promise<number>((resolve, reject) => {
        http
          .get(slow, (seen) => {
            seen.resume();
            resolve(seen.statusCode ?? 0);
          })
          .on("error", reject);
      }),
  );
  await delay(1_000);
  expect(await milliseconds()).toBeLessThan(1_000);
  const statuses = await Promise.all(asked);
  expect(statuses.filter((status) => status === 200)).toHaveLength(256);
  expect(statuses.filter((status) => status === 429)).toHaveLength(44);
}, 30_000);

test("who asks often, but no more than visitors do, is never held back", async () => {
  front = await startFront(ADDRESS, NAME, (_request, response) => response.end("hello"));
  await execa("nft", ["-f", "-"], { input: crowdRules });
  const times: number[] = [];
  for (let n = 0; n < 300; n++) times.push(await milliseconds());
  expect(Math.max(...times)).toBeLessThan(900);
});
