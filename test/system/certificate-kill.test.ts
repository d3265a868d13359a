/** Agents in processes of their own, ended with SIGKILL while real certbot works for them. */
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureCertificate, renewIfDue } from "../../agent/certificate/ensure.ts";
import { poll } from "../../agent/site/poll.ts";
import { DAY, startWorld, type World } from "./certificate/world.ts";

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(async () => {
  expect(world.ca.books.refusals).toEqual([]);
  expect(world.cloud.faults()).toEqual([]);
  await world.close();
});

/** A first issuance writes: 1 ledger, 2 intent, 3 certificate, 4 pointer, 5 outcome. */
describe.each([
  { moment: "after 2", left: "an intent", again: true },
  { moment: "before 3", left: "a certificate on its disk", again: false },
  { moment: "after 3", left: "a certificate the pointer does not know", again: false },
  { moment: "after 4", left: "an attempt without outcome", again: false },
])("an agent killed $moment writes, which leaves $left", ({ moment, again }) => {
  test("is followed on the same disk by one that serves a valid certificate", async () => {
    const { disk, context, run } = await world.machine();
    const killed = await run("ensure", moment);
    expect(killed.signal).toBe("SIGKILL");
    const next = await world.machine({ instance: context.instance, disk });
    let served = await ensureCertificate(next.context);
    if (again) {
      expect(served.source).toBe("self-signed");
      world.clock.shift += 61_000;
      served = (await renewIfDue(next.context)) ?? served;
    }
    expect(served.source).toBe(again ? "issued" : "stored");
    expect(world.ca.books.orders).toHaveLength(1);
  });
});

test("certbot dies with its agent", async () => {
  const { disk, run } = await world.machine();
  world.cloud.route53.delays.insyncMs = 3600_000;
  const agent = run("ensure");
  await poll(
    "the challenge",
    async () => (world.ca.books.orders.length > 0 ? { done: true } : { waiting: "no order" }),
    {
      seconds: 120,
      everySeconds: 0.2,
    },
  );
  agent.kill("SIGKILL");
  await agent;
  world.cloud.route53.delays.insyncMs = 0;
  // What its hook was waiting for has come: it would go on now.
  await poll(
    "the end of certbot",
    async () => {
      const { stdout } = await execa("pgrep", ["--full", "--list-full", disk], { reject: false });
      return stdout === "" ? { done: true } : { waiting: stdout };
    },
    { seconds: 8, everySeconds: 0.1 },
  );
  const requests = world.ca.requests;
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(world.ca.requests).toBe(requests);
  expect(world.ca.books.issuances).toEqual([]);
});

test("three agents in processes of their own find the certificate due: one order", async () => {
  await ensureCertificate((await world.machine()).context);
  world.clock.shift += 61.5 * DAY;
  const machines = [await world.machine(), await world.machine(), await world.machine()];
  const results = await Promise.all(machines.map(({ run }) => run("renew")));
  expect(results.map((r) => r.exitCode)).toEqual([0, 0, 0]);
  expect(results.filter((r) => JSON.parse(r.stdout).source === "issued")).toHaveLength(1);
  expect(world.ca.books.orders).toHaveLength(2);
});
