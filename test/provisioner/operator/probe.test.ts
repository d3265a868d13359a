import https from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { selfSigned } from "../../../agent/certificate/self-signed.ts";
import { createProbe } from "../../../provisioner/operator/probe.ts";
import { waitUntilReachable } from "../../../provisioner/operator/reach.ts";
import { skippingClock } from "../site.ts";

const { key, chain } = selfSigned(["blog.localhost"], new Date());
let server: https.Server;
let port: number;
let status = 200;
beforeAll(async () => {
  server = https.createServer({ key, cert: chain }, (_req, res) => {
    res.statusCode = status;
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const here = createProbe;
const options = () => ({
  port,
  lookup: ((_name: string, wanted: { all?: boolean }, done: (...found: unknown[]) => void) =>
    wanted.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)) as never,
});

test("asks by name, and takes a certificate for that name", async () => {
  expect(await here({ ...options(), ca: chain })("https://blog.localhost/healthz")).toEqual({
    status: 200,
  });
});

test("asks an address instead of the one that DNS says, still by name", async () => {
  const nowhere = { port, ca: chain };
  expect(await here(nowhere)("https://blog.localhost/healthz", "127.0.0.1")).toEqual({ status: 200 });
  expect(
    await here({ ...options(), ca: chain })("https://blog.localhost/healthz", "127.0.0.9"),
  ).toHaveProperty("error");
});

test("a certificate for another name, or from no one, is an error in words", async () => {
  const probe = here({ ...options(), ca: chain });
  expect(await probe("https://www.localhost/")).toEqual({
    error: expect.stringContaining("does not match"),
  });
  expect(await here(options())("https://blog.localhost/")).toEqual({
    error: expect.stringMatching(/self-signed/),
  });
});

test("waits for an answer that is no server error, and says what it saw last", async () => {
  const probe = here({ ...options(), ca: chain });
  const clock = skippingClock();
  status = 503;
  const wait = () => waitUntilReachable("https://blog.localhost/", { probe, seconds: 3, clock });
  await expect(wait()).rejects.toThrow(/does not answer from here: not after 3 s; last seen: HTTP 503/);
  status = 302;
  expect(await wait()).toBe(302);
});
