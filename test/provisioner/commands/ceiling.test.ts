/** What a site's fleets may cost, whoever holds the role of an instance. */
import {
  DescribeFleetsCommand,
  DescribeInstancesCommand,
  EC2Client,
  type FleetData,
  ModifyFleetCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { runUp } from "../../../provisioner/commands/up.ts";
import type { SiteConfig } from "../../../provisioner/config/site-config.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let site: SwapSite;
let owner: EC2Client;
beforeAll(async () => {
  site = await openSwapSite();
  owner = new EC2Client({ region: "us-east-1" });
});
afterEach(() => {
  expect(site.agents.failures).toEqual([]);
  expect(site.cloud.faults()).toEqual([]);
});
afterAll(async () => {
  owner.destroy();
  await site.close();
});

const up = (config: SiteConfig = site.config) =>
  runUp(config, site.tools, { refreshImage: false, wait: true, timeout: 600 });

const withTypes = (...types: string[]): SiteConfig => ({
  ...site.config,
  fleet: { ...site.config.fleet, types },
});

async function fleets(): Promise<{ spot: FleetData; bridge: FleetData }> {
  const { Fleets = [] } = await owner.send(new DescribeFleetsCommand({}));
  const alive = Fleets.filter((f) => f.FleetState === "active");
  const isBridge = (f: FleetData) => f.TargetCapacitySpecification?.DefaultTargetCapacityType === "on-demand";
  expect(alive.map(isBridge).sort()).toEqual([false, true]);
  const [spot, bridge] = [alive.find((f) => !isBridge(f)), alive.find(isBridge)];
  return { spot: spot ?? expect.fail("no fleet"), bridge: bridge ?? expect.fail("no bridge") };
}

async function alive() {
  const states = [{ Name: "instance-state-name", Values: ["pending", "running"] }];
  const { Reservations = [] } = await owner.send(new DescribeInstancesCommand({ Filters: states }));
  return Reservations.flatMap((r) => r.Instances ?? []);
}

const actions = () => (site.json().actions as { do: string }[]).map((a) => a.do);

test("dearer types: another fleet, whose instance takes the site over while the old one serves", async () => {
  const before = await site.site();
  const { spot, bridge } = await fleets();
  const dearer = withTypes("t3.medium");
  await up(dearer);
  expect(actions()).toEqual(["replace-fleet", "change-bridge", "replace-bridge"]);
  const now = await fleets();
  expect(now.spot.FleetId).not.toBe(spot.FleetId);
  expect(now.bridge.FleetId).not.toBe(bridge.FleetId);
  expect(now.spot.SpotOptions?.MaxTotalPrice).toBe("0.104");
  expect(now.bridge.OnDemandOptions?.MaxTotalPrice).toBe("0.104");
  const after = await site.site();
  expect(after?.owner).not.toBe(before?.owner);
  const instances = await alive();
  expect(instances.find((i) => i.InstanceId === after?.owner)?.InstanceType).toBe("t3.medium");
  expect(instances.map((i) => i.InstanceId)).toContain(before?.owner);
  await up(dearer);
  expect(actions()).toEqual([]);
  Object.assign(site.config.fleet, { types: ["t3.medium"] });
});

test("a fleet from before there was a limit is replaced once nothing is under way", async () => {
  const { spot } = await fleets();
  const model = site.cloud.ec2.fleets.all.get(spot.FleetId ?? "") ?? expect.fail("no fleet");
  model.maxTotalPrice = { spot: undefined, "on-demand": undefined };
  model.target = { ...model.target, spot: 2 };
  await up();
  expect(actions()).toEqual([]);
  model.target = { ...model.target, spot: 1 };
  const mark = site.cloud.mark();
  await site.deploy("without a limit yet");
  // The one that the replaced fleet left is no member of this one.
  const totals = site.cloud.wire.calls
    .slice(mark)
    .filter((c) => c.operation === "ModifyFleet")
    .map((c) => (c.input.TargetCapacitySpecification as { TotalTargetCapacity: number }).TotalTargetCapacity);
  expect(Math.max(...totals)).toBe(2);
  expect(site.said()).toContain("left for `everspot up`: replace the spot fleet");
  await up();
  expect(actions()).toEqual(["replace-fleet"]);
  expect((await fleets()).spot.SpotOptions?.MaxTotalPrice).toBe("0.104");
});

test("a deploy does not launch types that the fleet's limit has no room for", async () => {
  Object.assign(site.config.fleet, { maxPrice: 0.2 });
  try {
    await expect(site.deploy("dearer")).rejects.toMatchObject({
      lines: [expect.stringContaining("replace the spot fleet")],
      hint: expect.stringContaining("everspot up"),
    });
  } finally {
    Object.assign(site.config.fleet, { maxPrice: undefined });
  }
});

/** USD per hour, on demand. */
const PRICES: Record<string, number> = {
  "t3.micro": 0.0104,
  "t3a.micro": 0.0094,
  "t3.small": 0.0208,
  "t3a.small": 0.0188,
  "t3.medium": 0.0416,
};

test("the role of an instance cannot launch for more than two of the dearest type, on either market", async () => {
  const { spot, bridge } = await fleets();
  expect(spot).toMatchObject({
    SpotOptions: { MaxTotalPrice: "0.104" },
    OnDemandOptions: { MaxTotalPrice: "0.001" },
  });
  expect(bridge).toMatchObject({
    OnDemandOptions: { MaxTotalPrice: "0.104" },
    SpotOptions: { MaxTotalPrice: "0.001" },
  });
  const [instance] = await alive();
  const credentials = site.cloud.iam.instances.credentialsFor("everspot-blog", instance?.InstanceId ?? "");
  const hostile = new EC2Client({
    region: "us-east-1",
    maxAttempts: 1,
    credentials: credentials ?? expect.fail("no role"),
  });
  for (const { FleetId, TargetCapacitySpecification: before, LaunchTemplateConfigs = [] } of [spot, bridge]) {
    const [config] = LaunchTemplateConfigs;
    const SubnetId = config?.Overrides?.[0]?.SubnetId;
    const { LaunchTemplateId, Version } = config?.LaunchTemplateSpecification ?? {};
    const other = {
      LaunchTemplateSpecification: { LaunchTemplateId, Version },
      Overrides: [{ InstanceType: "t3.nano" as const, SubnetId }],
    };
    // The site has no image of its own that could vanish.
    await expect(
      hostile.send(new ModifyFleetCommand({ FleetId, LaunchTemplateConfigs: [other] })),
    ).rejects.toHaveProperty("name", "UnauthorizedOperation");
    for (const DefaultTargetCapacityType of ["spot", "on-demand"] as const) {
      const target = { TotalTargetCapacity: 15, DefaultTargetCapacityType };
      await hostile.send(new ModifyFleetCommand({ FleetId, TargetCapacitySpecification: target }));
      await site.tools.clock.sleep(60_000);
    }
    await owner.send(
      new ModifyFleetCommand({
        FleetId,
        TargetCapacitySpecification: {
          TotalTargetCapacity: before?.TotalTargetCapacity,
          DefaultTargetCapacityType: before?.DefaultTargetCapacityType,
        },
      }),
    );
    await site.tools.clock.sleep(60_000);
  }
  hostile.destroy();
  const launched = await alive();
  expect(launched.length).toBeGreaterThan(2);
  const prices = launched.map((i) => PRICES[i.InstanceType ?? ""] ?? Number.POSITIVE_INFINITY);
  expect(prices.reduce((sum, price) => sum + price, 0)).toBeLessThanOrEqual(2 * 0.104);
});
