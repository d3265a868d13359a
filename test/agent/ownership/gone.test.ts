import { EC2Client } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPeers } from "../../../agent/aws/ec2.ts";
import { createFleet } from "../../../agent/aws/fleet.ts";
import { isGone } from "../../../agent/ownership/gone.ts";
import type { Peer, Peers } from "../../../agent/ports/peers.ts";
import { type Ec2Site, startEc2Site } from "../../cloud/ec2-site.ts";
import { Traffic } from "../../cloud/traffic.ts";

let site: Ec2Site;
let traffic: Traffic;
let client: EC2Client;
let peers: Peers;
let fleet: string;
let one: string;
beforeEach(async () => {
  traffic = new Traffic();
  site = await startEc2Site();
  client = new EC2Client({ endpoint: site.cloud.endpoint, region: site.cloud.region });
  peers = createPeers(client, "demo");
  const Tags = [{ Key: "everspot:site", Value: "demo" }];
  fleet = await site.fleet({ TagSpecifications: [{ ResourceType: "fleet", Tags }] });
  [one = ""] = await site.members(fleet);
});
afterEach(async () => {
  traffic.stop();
  client.destroy();
  await site.cloud.close();
});

/** The answer, and how long it took. */
async function ask(of: Pick<Peers, "find"> = peers) {
  const began = site.clock.now();
  let answer: boolean | undefined;
  const asked = isGone(of, one, site.clock).then((gone) => {
    answer = gone;
  });
  for (let i = 0; i < 300 && answer === undefined; i++) {
    await traffic.quiet();
    if (site.clock.sleeping > 0) await site.pass(1);
  }
  await asked;
  return { gone: answer, seconds: Math.round((site.clock.now() - began) / 1000) };
}

test("one answer that does not know the instance is not believed, two are", async () => {
  expect(await ask()).toEqual({ gone: false, seconds: 0 });
  site.cloud.ec2.hide(one, 5);
  expect(await peers.find(one)).toBeUndefined();
  expect(await ask()).toEqual({ gone: false, seconds: 10 });
  site.cloud.ec2.hide(one, 60);
  expect(await ask()).toEqual({ gone: true, seconds: 10 });
});

test("what EC2 says has ended is gone at once", async () => {
  await createFleet(client, "demo", site.clock).terminate(one);
  expect(["shutting-down", "terminated"]).toContain((await peers.find(one))?.state);
  expect(await ask()).toEqual({ gone: true, seconds: 0 });
});

test.each(["stopped", "stopping"])("one that is %s may have been started since", async (state) => {
  const peer: Peer = { instance: one, state, alive: false, launched: new Date(0), privateAddress: "", fleet };
  const answers = (...of: Peer[]) => ({ find: async () => of.shift() });
  expect(await ask(answers(peer, { ...peer, state: "running", alive: true }))).toMatchObject({ gone: false });
  expect(await ask(answers(peer, peer))).toMatchObject({ gone: true });
});

test("the local EC2 shows a change late, when it is to: a launch, an end, a fleet's target", async () => {
  site.cloud.ec2.delays.shown = 20_000;
  const made = createFleet(client, "demo", site.clock);
  expect((await made.target()).total).toBe(1);
  const set = made.setTotal(2);
  for (let i = 0; i < 60; i++) {
    await traffic.quiet();
    await site.pass(1);
    if (i === 10) {
      expect((await made.target()).total).toBe(1);
      expect(await site.members(fleet)).toEqual([one]);
    }
  }
  await set;
  expect((await made.target()).total).toBe(2);
  expect(await site.members(fleet)).toHaveLength(2);
  await made.terminate(one);
  await site.pass(5);
  expect((await peers.find(one))?.state).toBe("running");
  await site.pass(30);
  expect((await peers.find(one))?.state).toBe("terminated");
});
