import { afterEach, beforeEach, expect, test } from "vitest";
import { SITE_TAG } from "../../../agent/site/names.ts";
import { createFleets } from "../../../provisioner/aws/fleets.ts";
import { client, type Ec2Site, startEc2Site } from "../../cloud/ec2-site.ts";

let site: Ec2Site;
beforeEach(async () => {
  site = await startEc2Site({ delays: { fleetModify: 10_000 } });
});
afterEach(() => site.cloud.close());

test("a fleet that somebody changes just now shows what it was: what it became is waited for", async () => {
  const Tags = [{ Key: SITE_TAG, Value: "demo" }];
  const FleetId = await site.fleet({ TagSpecifications: [{ ResourceType: "fleet", Tags }] });
  const clock = { now: () => site.clock.now(), sleep: (ms: number) => site.pass(ms / 1000) };
  const fleets = createFleets(client(site.cloud), "demo", clock);
  await site.ec2.modifyFleet({ FleetId, TargetCapacitySpecification: { TotalTargetCapacity: 2 } });
  expect(await fleets.look()).toMatchObject([{ id: FleetId, state: "modifying", target: 1 }]);
  expect(await fleets.settled()).toMatchObject([{ id: FleetId, state: "active", target: 2 }]);
});
