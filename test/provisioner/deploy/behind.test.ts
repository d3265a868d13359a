/** Deploys while EC2's answers are behind what is. */
import { afterEach, expect, test } from "vitest";
import { updateDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import { recover } from "../../../provisioner/deploy/recover.ts";
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

test("what is to be recovered is judged with the owner in sight", async () => {
  site = await openSwapSite();
  await site.deploy("one");
  const owner = site.owner() ?? "";
  site.cloud.ec2.hide(owner, 5);
  const aws = await connect(site.config, site.tools.clock);
  expect((await lookAtScene(aws)).instances.map((i) => i.id)).toContain(owner);
  aws.close();
}, 60_000);

test("an instance that takes the site over while it is about to be taken back stays, and the other goes", async () => {
  site = await openSwapSite();
  await site.deploy("one");
  const old = site.owner() ?? "";
  const { cloud, tools, agents } = site;
  agents.decide = () => "hangs";
  const aws = await connect(site.config, tools.clock);
  try {
    const fleet = (await aws.fleets.look()).find((f) => f.alive && !f.bridge)?.id ?? "";
    await aws.fleets.change(fleet, { total: 2 });
    const running = () => cloud.ec2.instances.list().filter((i) => i.state === "running");
    while (running().length < 2) await tools.clock.sleep(1000);
    const next = running().find((i) => i.id !== old)?.id ?? "";
    let taken = false;
    cloud.wire.before(async (call) => {
      if (call.operation !== "ModifyFleet" || taken) return;
      taken = true;
      await updateDocument(
        aws.store,
        siteDocument,
        (now) => now && { ...now, owner: next, epoch: now.epoch + 1 },
      );
    });
    const left = { kind: "swap" as const, release: undefined, old, before: undefined };
    await recover(aws, left, { clock: tools.clock, progress: tools.terminal, drain: 0 });
    expect(taken).toBe(true);
    expect(running().map((i) => i.id)).toEqual([next]);
  } finally {
    aws.close();
  }
}, 60_000);
