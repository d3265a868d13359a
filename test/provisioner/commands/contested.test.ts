/**
 * Where AWS's documentation contradicts itself or leaves something open, everspot works on each side, until
 * `scripts/contact` has settled it: then on that side alone.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { readAnswers } from "../../cloud/answers.ts";
import { habitsOf, openHabits } from "../../cloud/ec2/fleet-habits.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";

vi.setConfig({ testTimeout: 90_000 });

let site: SwapSite | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

/** No one is asked to wait for what will not come: a deploy without the change works, and so does `up`. */
async function nothingIsHalfDone(of: SwapSite): Promise<void> {
  const [template] = of.cloud.ec2.templates.all.values();
  expect([...(template?.versions.keys() ?? [])]).toEqual([1]);
  const before = await of.site();
  of.config.app.workers = 2;
  await of.deploy("with the configuration of before");
  expect((await of.site())?.owner).not.toBe(before?.owner);
  await of.up("");
  expect(of.json()).toMatchObject({ changed: false });
}

const asAnswered = { question: "as the local AWS is" as const, habits: {} };

describe.each([asAnswered, ...openHabits(readAnswers())])("$question: $habits", ({ habits }) => {
  test("a site with a bridge comes up, is deployed with another configuration, and goes", async () => {
    site = await openSwapSite({ cloud: { fleetHabits: habits } });
    const before = await site.site();
    const { config } = site;
    config.app.workers = 3;
    const { modifiesTemplate } = { ...habitsOf(readAnswers()), ...habits };
    if (modifiesTemplate) {
      await site.deploy("with another configuration");
      expect((await site.site())?.owner).not.toBe(before?.owner);
      config.fleet = { ...config.fleet, maxPrice: 0.02 };
      await runUp(config, site.tools, { refreshImage: false, wait: true, timeout: 600 });
    } else {
      await expect(site.deploy("with another configuration")).rejects.toThrow(/launch template of a fleet/);
      expect((await site.site())?.owner).toBe(before?.owner);
      await nothingIsHalfDone(site);
    }
    const { alive, target } = await site.fleet();
    expect({ alive, target }).toEqual({ alive: [(await site.site())?.owner], target: 1 });
    await runDown(config, site.tools, { deleteData: true });
    expect(site.json()).toMatchObject({ leftovers: [] });
    expect(site.agents.failures).toEqual([]);
    expect(site.cloud.faults()).toEqual([]);
  });
});
