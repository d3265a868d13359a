/** Deploys while EC2's answers are behind what is. */
import { afterEach, expect, test } from "vitest";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import { lookAtScene } from "../../../provisioner/deploy/scene.ts";
import { openSwapSite, type SwapSite } from "./swapping.ts";

let site: SwapSite | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

const taken = (of: SwapSite, hook: (owner: string) => void) =>
  of.cloud.wire.before((call) => {
    if (call.operation !== "PutObject" || call.input.Key !== siteDocument.key) return;
    const { state, owner } = JSON.parse(Buffer.from(call.input.Body as Uint8Array).toString()) as {
      state: string;
      owner: string;
    };
    if (state === "serving") hook(owner);
  });

test("every change is shown 8 s late: swaps take longer, and end as ever", async () => {
  site = await openSwapSite();
  site.cloud.ec2.delays.shown = 8_000;
  await site.deploy("one");
  const before = site.owner();
  await site.deploy("two");
  expect(site.owner()).not.toBe(before);
  site.cloud.ec2.delays.shown = 0;
  expect(await site.channel()).toMatchObject({
    current: expect.stringMatching(/^r000003-/),
    quarantined: [],
  });
  const launched = site.cloud.ec2.instances.list().filter((i) => i.state === "running");
  expect(launched.map((i) => i.id)).toEqual([site.owner()]);
}, 60_000);

test("EC2 does not show the new owner for a moment: nothing is taken back", async () => {
  site = await openSwapSite();
  await site.deploy("one");
  const before = site.owner();
  const { cloud } = site;
  taken(site, (owner) => cloud.ec2.hide(owner, 7));
  await site.deploy("two");
  expect(site.owner()).not.toBe(before);
  expect(await site.fleet()).toEqual({ alive: [site.owner()], target: 1 });
  expect((await site.channel())?.quarantined).toEqual([]);
}, 60_000);

test("what is to be put in order is judged with the owner in sight", async () => {
  site = await openSwapSite();
  await site.deploy("one");
  const owner = site.owner() ?? "";
  site.cloud.ec2.hide(owner, 5);
  const aws = await connect(site.config, site.tools.clock);
  expect((await lookAtScene(aws)).instances.map((i) => i.id)).toContain(owner);
  aws.close();
}, 60_000);
