/** What CPU credits hold a machine to: measured, so that nothing else may run meanwhile. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { processorTime } from "../../agent/system/processor.ts";
import { type Nspawn, openNspawn } from "./nspawn-machines.ts";

let nspawn: Nspawn;
beforeAll(async () => {
  nspawn = await openNspawn();
});
afterAll(async () => {
  await nspawn?.clear();
  await nspawn?.mirror.close();
});

test("a machine that may borrow no CPU credits is held to its baseline, and sees in /proc/stat what it was kept from", async () => {
  const { machines, run } = nspawn;
  const id = await nspawn.start(17, { credits: { mode: "standard", perSecond: 0.2, atLaunch: 0 } });
  await nspawn.booted(id);
  const account = machines.creditsOf(id) ?? expect.fail("it has credits");
  const burn = "import time\nwhile time.process_time() < 0.5: pass";
  const burning = async () => {
    account.balance = 0;
    const began = performance.now();
    // systemd starts it, so that it is within the machine's limits, as this test's own commands are not.
    await run(id, `systemd-run --quiet --wait python3 -c '${burn}'`);
    return (performance.now() - began) / 1000;
  };
  const held = await burning();
  machines.setCredits(id, "unlimited");
  await new Promise((resolve) => setTimeout(resolve, 600));
  const free = await burning();
  console.error(`0.5 s of processor time took ${held.toFixed(2)} s held, ${free.toFixed(2)} s unlimited`);
  expect(held).toBeGreaterThan(1.5);
  expect(free).toBeLessThan(held / 1.5);
  expect(account.balance).toBeLessThan(0);
  const time = processorTime(await run(id, "cat /proc/stat"));
  const used = (await machines.processorSeconds(id)) ?? Number.NaN;
  expect(time.stolen).toBeGreaterThan(1);
  expect(time.busy).toBeGreaterThan(used * 0.7);
  expect(time.busy).toBeLessThanOrEqual(used + 0.1);
  machines.setCredits(id, "standard");
  expect(account.charged).toBeGreaterThan(0);
});
