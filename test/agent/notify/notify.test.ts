import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createNotify, type Notice, tryChannels } from "../../../agent/notify/notify.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

let got: { headers: IncomingHttpHeaders; body: string }[] = [];
let statuses: number[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  got.push({ headers: request.headers, body });
  response.writeHead(statuses.shift() ?? 200, { location: "/elsewhere" }).end("ok");
});
beforeEach(async () => {
  got = [];
  statuses = [];
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const notice: Notice = { kind: "boot-failed", text: "a boot failed: app: no" };

function notifier(secret: () => Promise<string | undefined> = async () => undefined, url?: string) {
  const clock = new ManualClock();
  const troubles: string[] = [];
  const notify = createNotify({
    url: url ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    site: "blog",
    instance: "i-1",
    secret,
    // Pauses are over at once.
    clock: { now: () => clock.now(), sleep: async () => {} },
    onTrouble: (message) => troubles.push(message),
  });
  return { notify, troubles, clock };
}

test("a notice is JSON that Slack shows, with the facts beside it", async () => {
  const { notify, troubles } = notifier();
  await notify(notice);
  expect(troubles).toEqual([]);
  expect(JSON.parse(got[0]?.body ?? "")).toEqual({
    text: "everspot blog: a boot failed: app: no",
    site: "blog",
    event: "boot-failed",
    instance: "i-1",
    at: "2026-11-21T12:00:00.000Z",
  });
  expect(got[0]?.headers).not.toHaveProperty("x-everspot-signature");
});

test("with a secret it is signed, over its time and body", async () => {
  const { notify } = notifier(async () => "s3cret");
  await notify(notice);
  const { headers, body } = got[0] ?? { headers: {}, body: "" };
  const time = String(Date.UTC(2026, 10, 21, 12) / 1000);
  const mac = createHmac("sha256", "s3cret").update(`v0:${time}:${body}`).digest("hex");
  expect(headers).toMatchObject({ "x-everspot-timestamp": time, "x-everspot-signature": `v0=${mac}` });
});

test("a secret that cannot be read does not keep it back", async () => {
  const { notify } = notifier(async () => Promise.reject(new Error("AccessDenied")));
  await notify(notice);
  expect(got).toHaveLength(1);
});

test.each([
  ["trouble that passes", [500, 429], 3, 0],
  ["trouble that does not", [500, 500, 500, 500], 3, 1],
  ["a refusal", [404, 200], 1, 1],
])("%s: so many tries", async (_, answers, tries, troubles) => {
  const one = notifier();
  statuses = [...answers];
  await one.notify(notice);
  expect(got).toHaveLength(tries);
  expect(one.troubles).toHaveLength(troubles);
});

test("no one there, or a redirect, is trouble and nothing more", async () => {
  const nobody = notifier(undefined, "http://127.0.0.1:9/");
  await nobody.notify(notice);
  expect(nobody.troubles[0]).toContain("boot-failed");
  statuses = [302, 302, 302];
  const moved = notifier();
  await moved.notify(notice);
  expect(moved.troubles).toHaveLength(1);
});

test("what fails again and again is reported once an hour, other things at once", async () => {
  const { notify, clock } = notifier();
  await notify(notice);
  await notify(notice);
  await notify({ kind: "healed", text: "i-2 took over" });
  await notify({ kind: "healed", text: "i-3 took over" });
  expect(got).toHaveLength(3);
  await clock.advance(3600_000);
  await notify(notice);
  expect(got).toHaveLength(4);
});

test("that it is over is told at once, however lately that it began", async () => {
  const { notify } = notifier();
  await notify(notice);
  await notify({ kind: "boot-failed", text: "i-2 has booted", over: true });
  expect(got.map(({ body }) => JSON.parse(body).over)).toEqual([undefined, true]);
});

test("mail and webhook are tried each for itself", async () => {
  const mails: string[][] = [];
  const clock = { now: () => Date.UTC(2026, 10, 21, 12), sleep: async () => {} };
  const options = {
    ...{ url: "http://127.0.0.1:9/", site: "blog", instance: "i-1", clock, onTrouble: () => {} },
    secret: async () => undefined,
    mail: async (...mail: string[]) => void mails.push(mail),
  };
  expect(await tryChannels(options, notice)).toEqual([
    { channel: "webhook", error: expect.any(String) },
    { channel: "mail" },
  ]);
  expect(mails).toEqual([
    ["everspot blog: boot-failed", expect.stringContaining("blog: a boot failed: app: no")],
  ]);
});

test("a mail that AWS does not take for now is tried three times, one that it refuses once", async () => {
  const tries = async (retry: "retry" | "fatal") => {
    let count = 0;
    const mail = async () => {
      count++;
      throw new EverspotError("SNS: no", { retry });
    };
    const clock = { now: () => 0, sleep: async () => {} };
    const options = { url: undefined, site: "blog", instance: "i-1", clock, mail, onTrouble: () => {} };
    const tried = await tryChannels({ ...options, secret: async () => undefined }, notice);
    expect(tried).toEqual([{ channel: "mail", error: "SNS: no" }]);
    return count;
  };
  expect([await tries("retry"), await tries("fatal")]).toEqual([3, 1]);
});
