/** What is wrong and put right, some of it: test/system/correcting.test.ts has the rest. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runReleases } from "../../../provisioner/commands/releases.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { blame, isOf, lasts, sample, testCorrections } from "./corrections.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

testCorrections(sample);

describe("a site that is down", () => {
  let site: SwapSite;
  beforeEach(async () => {
    site = await openSwapSite({ down: true });
  });
  afterEach(async () => {
    expect(site.agents.failures).toEqual([]);
    expect(site.cloud.faults()).toEqual([]);
    await site.close();
  });

  test("a deploy that fails does not put the fleet back to a configuration that never served", async () => {
    site.agents.decide = (_, userData) => (userData.includes("SIZE") ? "serves" : blame("KeyError"));
    await expect(site.up("one")).rejects.toThrow();
    site.config.app.env = { COLOUR: "red" };
    await expect(site.deploy("one")).rejects.toThrow();
    expect(site.said()).not.toContain("of the launch template again");
    site.config.app.env = { COLOUR: "red", SIZE: "3" };
    await site.deploy("one");
    await lasts(site, "one");
  });

  test("what served is what it goes back to, not what `up` had the fleet launch since", async () => {
    site.agents.decide = (release) => (isOf(release, "bad") ? blame("bad") : "serves");
    await site.up("one");
    site.config.app.env = { COLOUR: "red" };
    await site.up("one");
    site.config.app.env = { COLOUR: "blue" };
    await expect(site.deploy("bad")).rejects.toThrow();
    expect(site.said()).toContain("launch by version 1 of the launch template again");
    await lasts(site, "one");
  });

  test("a deploy does not say that a release is served which the next machine would not run", async () => {
    await site.up("one");
    site.agents.promotes = false;
    await expect(site.deploy("two")).rejects.toThrow(/last seen: r000001-\w+ is current$/);
  });

  test("what failed, and what it said, is found wherever one looks for it", async () => {
    site.agents.decide = () => blame("ImportError: no module named blgo");
    await expect(site.up("one")).rejects.toMatchObject({ lines: ["ImportError: no module named blgo"] });
    const printed: string[] = [];
    const terminal = { ...site.tools.terminal, print: (text: string) => void printed.push(text) };
    const told = async (run: () => Promise<void>) => {
      printed.length = 0;
      await run();
      return printed.join("\n");
    };
    const tools = { ...site.tools, terminal };
    for (const run of [
      () => runStatus(site.config, tools),
      () => runStatus(site.config, tools, { boot: true, check: false }),
      () => runReleases(site.config, tools),
    ])
      expect(await told(run)).toContain("ImportError: no module named blgo");
    // Said in every try from now on, though none is made with the release any more.
    await site.tools.clock.sleep(120_000);
    expect(await told(() => runStatus(site.config, tools))).toContain("ImportError: no module named blgo");
    await expect(site.up("one")).rejects.toMatchObject({ lines: ["ImportError: no module named blgo"] });
    expect(site.said()).toMatch(
      /r000002-\w+ has exactly the content of r000001-\w+, which is quarantined \(app: /,
    );
  });
});
