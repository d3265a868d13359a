import { expect, test } from "vitest";
import type { Channel } from "../../../agent/site/channel.ts";
import type { SiteState } from "../../../agent/site/documents/site-state.ts";
import type { FleetSeen } from "../../../provisioner/aws/fleets.ts";
import type { InstanceSeen } from "../../../provisioner/aws/instances.ts";
import { planRecovery, type Scene } from "../../../provisioner/deploy/recovery.ts";

const since = Date.parse("2026-11-21T12:00:00Z");

const instance = (id: string, spot = true): InstanceSeen => ({
  ...{ id, spot, state: "running", alive: true, type: "t3.micro", zone: "us-east-1a", image: "ami-1" },
  ...{
    launched: new Date(since),
    address: undefined,
    privateAddress: undefined,
    templateVersion: 1,
    fleet: "fleet-1",
  },
});

function scene(more: {
  instances: InstanceSeen[];
  owner: string;
  target: number;
  bridge?: number;
  candidate?: string;
}): Scene {
  const fleet: FleetSeen = {
    ...{ id: "fleet-1", state: "active", alive: true, activity: "fulfilled", pools: [] },
    ...{
      template: { id: "lt-1", version: 1 },
      target: more.target,
      bridge: false,
      ceiling: undefined,
      fulfilled: 1,
    },
  };
  const lender = { ...fleet, id: "fleet-2", target: more.bridge ?? 0, bridge: true };
  const site: SiteState = {
    ...{
      version: 1,
      nonce: "n",
      epoch: 2,
      owner: more.owner,
      address: "203.0.113.1",
      privateAddress: "10.0.0.1",
    },
    ...{ launched: new Date(since).toISOString(), since: new Date(since).toISOString(), state: "serving" },
  };
  const channel: Channel = {
    ...{ version: 1, nonce: "n", counter: 2, quarantined: [], current: "r1" },
    ...(more.candidate === undefined ? {} : { candidate: { id: more.candidate, attempts: [] } }),
  };
  return { site, channel, fleets: [fleet, lender], instances: more.instances };
}

const left = { kind: "swap", release: "r2", old: "i-old" } as const;
const plan = (at: Scene, now = since + 60_000) => planRecovery(left, at, 30, now);

test("handed over: forward, and the old one goes after its drain", () => {
  const over = scene({ instances: [instance("i-new"), instance("i-old")], owner: "i-new", target: 2 });
  expect(plan(over)).toEqual([
    { do: "fleet", fleet: "fleet-1", change: { total: 1 } },
    { do: "terminate", instances: ["i-old"] },
  ]);
  expect(plan(over, since + 10_000)[1]).toEqual({
    ...{ do: "drain", instances: ["i-old"], at: since + 30_000 },
  });
});

test("not handed over: backward, and the new one goes", () => {
  const back = scene({
    ...{ instances: [instance("i-new"), instance("i-old")], owner: "i-old", target: 2, candidate: "r2" },
  });
  expect(plan(back)).toEqual([
    { do: "withdraw", release: "r2" },
    { do: "fleet", fleet: "fleet-1", change: { total: 1 } },
    { do: "terminate", instances: ["i-new"] },
  ]);
});

test("an instance that bridges goes on until a spot instance has the site", () => {
  const bridged = [instance("i-new"), instance("i-old", false)];
  const over = scene({ instances: bridged, owner: "i-new", target: 1, bridge: 1 });
  expect(plan(over)[0]).toEqual({ do: "fleet", fleet: "fleet-2", change: { total: 0 } });
  const back = scene({ instances: bridged, owner: "i-old", target: 1, bridge: 1 });
  expect(plan(back)).toEqual([{ do: "terminate", instances: ["i-new"] }]);
  const asIs = scene({ instances: [instance("i-old", false)], owner: "i-old", target: 1, bridge: 1 });
  expect(plan(asIs)).toEqual([]);
});

test("what the fleets launched before comes back with the target, in one call each", () => {
  const back = scene({ instances: [instance("i-old")], owner: "i-old", target: 2 });
  const pools = [{ type: "t3.micro", subnet: "subnet-1", maxPrice: 0.01 }];
  const changed = { ...left, before: { version: 7, pools } };
  const template = { id: "lt-1", version: 7 };
  expect(planRecovery(changed, back, 30, since)).toEqual([
    { do: "fleet", fleet: "fleet-1", change: { launch: { template, pools }, total: 1 } },
    {
      do: "fleet",
      fleet: "fleet-2",
      change: { launch: { template, pools: [{ ...pools[0], maxPrice: undefined }] } },
    },
  ]);
});

test("nothing to do when everything is in order", () => {
  expect(plan(scene({ instances: [instance("i-old")], owner: "i-old", target: 1 }))).toEqual([]);
});
