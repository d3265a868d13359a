import { afterEach, beforeEach, expect, test } from "vitest";
import { changeFleet, launchOf } from "../../../agent/site/change-fleet.ts";
import { client, type Ec2Site, startEc2Site } from "../../cloud/ec2-site.ts";
import { AwsError } from "../../cloud/wire/errors.ts";

let site: Ec2Site;
let fleet: string;
beforeEach(async () => {
  site = await startEc2Site({ delays: { fleetModify: 10_000 } });
  fleet = await site.fleet();
});
afterEach(async () => {
  await site.cloud.close();
});

const seen = async () => (await site.ec2.describeFleets({ FleetIds: [fleet] })).Fleets?.[0];
const writes = () => site.cloud.wire.calls.filter((c) => c.operation === "ModifyFleet").length;

/** Its waiting moves the clock. */
const change = (what: Parameters<typeof changeFleet>[2]): Promise<void> =>
  changeFleet(client(site.cloud), fleet, what, {
    clock: { now: () => site.clock.now(), sleep: (ms) => site.pass(ms / 1000) },
  });

/** What it launches by now, but by the newest version of the template. */
async function newest() {
  const { VersionNumber: version = 0 } =
    (
      await site.ec2.createLaunchTemplateVersion({
        LaunchTemplateId: site.templateId,
        SourceVersion: "1",
        LaunchTemplateData: { EbsOptimized: false },
      })
    ).LaunchTemplateVersion ?? {};
  const now = launchOf((await seen()) ?? {}) ?? expect.fail("it launches nothing");
  return { ...now, template: { ...now.template, version } };
}

test("template and total go in one call, and it returns once the fleet shows both", async () => {
  const launch = await newest();
  await change({ launch, total: 2 });
  expect(writes()).toBe(1);
  const now = await seen();
  expect(now?.FleetState).toBe("active");
  expect(now?.TargetCapacitySpecification?.TotalTargetCapacity).toBe(2);
  expect(launchOf(now ?? {})).toEqual(launch);
});

test("while another change is under way it waits, and then goes by what the fleet became", async () => {
  await site.ec2.modifyFleet({ FleetId: fleet, TargetCapacitySpecification: { TotalTargetCapacity: 2 } });
  // Shows 1 still, which is what is asked for.
  await change({ total: 1 });
  expect(writes()).toBe(2);
  expect((await seen())?.TargetCapacitySpecification?.TotalTargetCapacity).toBe(1);
});

test("whatever code refuses a change because of another one, it is tried again", async () => {
  for (const notModifiable of ["FleetNotInModifiableState", "SomethingNobodyDocumented"]) {
    await site.cloud.close();
    site = await startEc2Site({ delays: { fleetModify: 10_000 }, fleetHabits: { notModifiable } });
    fleet = await site.fleet();
    // Between the look and the call.
    const looked = site.cloud.wire.calls.length;
    const other = (async () => {
      while (!site.cloud.wire.calls.slice(looked).some((c) => c.operation === "DescribeFleets"))
        await new Promise((resolve) => setImmediate(resolve));
      await site.ec2.modifyFleet({ FleetId: fleet, TargetCapacitySpecification: { TotalTargetCapacity: 3 } });
    })();
    await change({ total: 2 });
    await other;
    expect((await seen())?.TargetCapacitySpecification?.TotalTargetCapacity).toBe(2);
  }
});

test("a change that was accepted and forgotten is made again", async () => {
  site.cloud.ec2.fleets.forget = 1;
  await change({ total: 2 });
  expect(writes()).toBe(2);
  expect((await seen())?.TargetCapacitySpecification?.TotalTargetCapacity).toBe(2);
});

test("one that never shows ends after two minutes, saying what the fleet is", async () => {
  site.cloud.ec2.fleets.forget = 100;
  await expect(change({ total: 2 })).rejects.toThrow(
    "the fleet does not become target 2: after 120 s it is active, target 1, version 1",
  );
});

test("a fleet that is as wanted is not written to", async () => {
  await change({ total: 1 });
  expect(writes()).toBe(0);
});

test("a version that EC2 does not know yet is asked for again; one that it never knows is AWS's own error", async () => {
  const unknown = { error: new AwsError("InvalidLaunchTemplateId.VersionNotFound", "no such version") };
  const launch = await newest();
  for (let nth = 1; nth <= 3; nth++) site.cloud.wire.disturb("ec2", "ModifyFleet", unknown, nth);
  await change({ launch });
  expect(launchOf((await seen()) ?? {})).toEqual(launch);
  const never = { ...launch, template: { ...launch.template, version: 99 } };
  const began = site.clock.now();
  await expect(change({ launch: never })).rejects.toMatchObject({
    name: "InvalidLaunchTemplateId.VersionNotFound",
  });
  expect(site.clock.now() - began).toBeLessThan(60_000);
});

test("what AWS refuses outright is its own error, at once", async () => {
  const launch = await newest();
  const pools = launch.pools.map((pool) => ({ ...pool, subnet: "subnet-00000000000000000" }));
  const began = site.clock.now();
  await expect(change({ launch: { ...launch, pools } })).rejects.toMatchObject({
    name: "InvalidSubnetID.NotFound",
  });
  expect(site.clock.now()).toBe(began);
});
