/** What a fleet makes of an instance profile that EC2 does not know yet, and of being new itself. */
import { afterEach, expect, test, vi } from "vitest";
import { runUp } from "../../../provisioner/commands/up.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";

vi.setConfig({ testTimeout: 60_000 });

let site: SwapSite | undefined;
afterEach(async () => {
  expect(site?.agents.failures).toEqual([]);
  expect(site?.cloud.faults()).toEqual([]);
  await site?.close();
  site = undefined;
});

test("a fleet that leaves the template alone for minutes is given another version, and up goes on", async () => {
  site = await openSwapSite({
    down: true,
    cloud: { delays: { fleetModify: 1_000, profileKnown: 40_000, profileRefused: 600_000 } },
  });
  const { clock } = site.tools;
  const began = clock.now();
  await site.up("first");
  expect((clock.now() - began) / 1000).toBeLessThan(120);
  expect(site.said()).toContain("launching by version 2 of the launch template");
  const launchedBy = [...site.cloud.ec2.fleets.all.values()].map((f) => f.templates[0]?.version);
  const latest = site.cloud.ec2.templates.all.values().next().value?.lastNumber;
  // The one that bridges too, or the next `up` would have something to do.
  expect(launchedBy).toEqual([latest, latest]);
  await site.up("first");
  expect(site.json()).toMatchObject({ changed: false });
});

test("a fleet that took another's place is followed by the id that making it gave", async () => {
  site = await openSwapSite({
    cloud: { delays: { fleetModify: 1_000, fleetVisible: 20_000, fleetLaunch: 5_000 } },
  });
  await site.tools.clock.sleep(30_000);
  const dearer = { ...site.config, fleet: { ...site.config.fleet, types: ["t3.medium"] } };
  const mark = site.cloud.mark();
  await runUp(dearer, site.tools, { refreshImage: false, wait: true, timeout: 600 });
  const calls = site.cloud.wire.calls.slice(mark);
  const asked = calls.filter((c) => c.operation === "DescribeFleetHistory").map((c) => c.input.FleetId);
  const made = [...site.cloud.ec2.fleets.all.values()].findLast((f) => f.target.defaultType === "spot");
  expect(new Set(asked)).toEqual(new Set([made?.id]));
});
