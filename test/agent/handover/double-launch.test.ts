import { EC2Client } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPeers } from "../../../agent/aws/ec2.ts";
import { createFleet } from "../../../agent/aws/fleet.ts";
import { tidy } from "../../../agent/handover/tidy.ts";
import { isNewer } from "../../../agent/ownership/newer.ts";
import type { Peer } from "../../../agent/ports/peers.ts";
import { type Ec2Site, startEc2Site } from "../../cloud/ec2-site.ts";

let site: Ec2Site;
beforeEach(async () => {
  site = await startEc2Site();
});
afterEach(() => site.cloud.close());

const DRAIN = 90;

test("a rebalance and a target of two at the same moment: one instance stays, the newest", async () => {
  const id = await site.fleet({
    TagSpecifications: [{ ResourceType: "fleet", Tags: [{ Key: "everspot:site", Value: "demo" }] }],
  });
  const [old = ""] = await site.members(id);
  const client = new EC2Client({ endpoint: site.cloud.endpoint, region: site.cloud.region });
  const peers = createPeers(client, "demo");
  const fleet = createFleet(client, "demo", site.clock);
  await site.pass(60);
  site.cloud.rebalance(old);
  await fleet.setTotal(2);
  await site.pass(20);

  const alive = async () => (await peers.all()).filter((p) => p.alive);
  const three = await alive();
  expect(three).toHaveLength(3);
  const ordered = three.sort((a, b) => (isNewer(a, b) ? 1 : -1));
  const [, second, newest] = ordered;
  // Both came in one second, as EC2 counts it: no one may wait for the other forever.
  expect(second?.launched).toEqual(newest?.launched);
  const as = (me: Peer | undefined, owned: number) =>
    tidy({
      me: { instance: me?.instance ?? "", launched: me?.launched ?? new Date(0), onDemand: false },
      ...{ peers, fleet, drain: DRAIN },
      handingOver: async () => false,
      owns: async () => true,
      ownedSeconds: () => owned,
    });

  expect(await as(second, 300)).toEqual([]);
  expect(await as(newest, 10)).toHaveLength(1);
  await site.pass(60);
  expect(await fleet.target()).toEqual({ total: 1, bridge: undefined });
  await as(newest, DRAIN + 31);
  await site.pass(600);
  expect((await alive()).map((p) => p.instance)).toEqual([newest?.instance]);
});
