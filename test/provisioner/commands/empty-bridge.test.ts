/** The fleet that can bridge begins empty; whether AWS makes one so is not documented. */
import { afterEach, expect, test, vi } from "vitest";
import { AwsError } from "../../cloud/wire/server.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";

vi.setConfig({ testTimeout: 60_000 });

let site: SwapSite | undefined;
afterEach(async () => {
  expect(site?.agents.failures).toEqual([]);
  expect(site?.cloud.faults()).toEqual([]);
  await site?.close();
  site = undefined;
});

const delays = { fleetModify: 1_000, fleetLaunch: 1_000 };
const unkind = () => openSwapSite({ down: true, cloud: { delays, fleetHabits: { beginsEmpty: false } } });
const bridgeOf = ({ cloud }: SwapSite) =>
  [...cloud.ec2.fleets.all.values()].find((f) => f.target.defaultType === "on-demand");

test("where AWS makes none that is empty, it begins with one instance, which is ended again", async () => {
  site = await unkind();
  await site.up("first");
  expect(bridgeOf(site)?.target).toMatchObject({ onDemand: 0, spot: 0 });
  const instances = site.cloud.ec2.instances.list();
  expect(
    instances.filter((i) => i.fleetId === bridgeOf(site as SwapSite)?.id && i.state === "running"),
  ).toEqual([]);
  expect((await site.fleet()).alive).toEqual([site.owner()]);
  await site.up("first");
  expect(site.json()).toMatchObject({ changed: false });
});

test("where AWS makes none at all, up says so, and the site is up without", async () => {
  site = await unkind();
  site.cloud.wire.before(({ operation, input }) => {
    const { TargetCapacitySpecification: target } = input as { TargetCapacitySpecification?: object };
    if (operation === "CreateFleet" && JSON.stringify(target).includes("on-demand"))
      throw new AwsError("InvalidFleetConfig", "no such fleet");
  });
  await site.up("first");
  expect(bridgeOf(site)).toBeUndefined();
  expect(site.owner()).toBeDefined();
  expect(site.said()).toContain("so no on-demand instance will bridge a lack of spot capacity: ");
});
