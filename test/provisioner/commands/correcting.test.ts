/** The loop of correcting: what fails is put right, by `up` or by `deploy`, and what was put right outlives its instance. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { hasContent } from "../../../agent/site/release.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import { runReleases } from "../../../provisioner/commands/releases.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import type { Behaviour } from "../deploy/agent.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { sha256 } from "../sha256.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let site: SwapSite;
beforeEach(async () => {
  site = await openSwapSite({ down: true });
});
afterEach(async () => {
  expect(site.agents.failures).toEqual([]);
  expect(site.cloud.faults()).toEqual([]);
  await site.close();
});

/** The site is served with this content, the next machine will run just that, and does. */
async function lasts(content: string): Promise<void> {
  const { owner, release } = (await site.site()) ?? expect.fail("nobody has the site");
  expect(hasContent(release ?? "", sha256(content))).toBe(true);
  expect(await site.channel()).toMatchObject({ current: release });
  expect((await site.channel())?.candidate).toBeUndefined();
  expect(await site.fleet()).toEqual({ alive: [owner], target: 1 });
  const aws = await connect(site.config);
  await aws.instances.terminate([owner]);
  aws.close();
  for (let i = 0; site.owner() === owner || (await site.site())?.state !== "serving"; i++) {
    if (i > 300) expect.fail("the site does not come back");
    await site.tools.clock.sleep(1000);
  }
  expect((await site.site())?.release).toBe(release);
}

const blame = (line: string): Behaviour => ({ blame: "the app does not start", lines: [line] });
const isOf = (release: string, content: string): boolean => hasContent(release, sha256(content));

interface Kind {
  /** What this content does on a machine of this configuration. */
  behaves(release: string, userData: string): Behaviour;
  /** Of what is wrong at first, of what is right then, of what is wrong later, and of what is right in the end. */
  contents: [string, string, string, string];
  /** What else is put right, the first and the second time. */
  correct(time: 1 | 2): void;
  said: RegExp;
}

const kinds: Record<string, Kind> = {
  code: {
    behaves: (release) =>
      isOf(release, "broken") || isOf(release, "broken again") ? blame("SyntaxError") : "serves",
    contents: ["broken", "mended", "broken again", "mended again"],
    correct: () => {},
    said: /SyntaxError/,
  },
  environment: {
    behaves: (release, userData) => {
      if (!userData.includes("COLOUR")) return blame("KeyError: 'COLOUR'");
      if (isOf(release, "needs a size") && !userData.includes("SIZE")) return blame("KeyError: 'SIZE'");
      return "serves";
    },
    contents: ["one", "one", "needs a size", "needs a size"],
    correct: (time) => {
      site.config.app.env = time === 1 ? { COLOUR: "red" } : { COLOUR: "red", SIZE: "3" };
    },
    said: /KeyError/,
  },
  configuration: {
    behaves: (release, userData) => {
      if (!userData.includes("libfoo")) return { trouble: "libfoo is not installed" };
      if (isOf(release, "needs bar") && !userData.includes("libbar")) return { trouble: "no libbar" };
      return "serves";
    },
    contents: ["one", "one", "needs bar", "needs bar"],
    correct: (time) => {
      site.config.image.packages = time === 1 ? ["libfoo"] : ["libfoo", "libbar"];
    },
    said: /libfoo|libbar/,
  },
};

describe.each(Object.entries(kinds))("a correction of the %s", (_, kind) => {
  const [bad, right, worse, best] = kind.contents;
  beforeEach(() => {
    site.agents.decide = kind.behaves;
  });
  const failure = { lines: [], message: "" };
  /** @returns all that was said of it. */
  async function fails(work: Promise<void>): Promise<string> {
    const error = await work.then(
      () => expect.fail("it does not fail"),
      (e: typeof failure) => e,
    );
    return [error.message, ...error.lines].join("\n");
  }

  test("by `up`, then by `deploy`: each serves, and lasts", async () => {
    expect(await fails(site.up(bad))).toMatch(kind.said);
    // It goes on trying by itself.
    await site.tools.clock.sleep(120_000);
    kind.correct(1);
    await site.up(right);
    await lasts(right);
    expect(await fails(site.deploy(worse))).toMatch(kind.said);
    await lasts(right);
    kind.correct(2);
    await site.deploy(best);
    await lasts(best);
  });

  test("by `deploy`, of a site that never served: it serves, and lasts", async () => {
    expect(await fails(site.up(bad))).toMatch(kind.said);
    kind.correct(1);
    await site.deploy(right);
    await lasts(right);
  });

  test("by nothing: `up` says again what is wrong", async () => {
    await fails(site.up(bad));
    expect(await fails(site.up(bad))).toMatch(kind.said);
    expect(await fails(site.up(bad))).toMatch(kind.said);
  });
});

test("a deploy that fails does not put the fleet back to a configuration that never served", async () => {
  site.agents.decide = (_, userData) => (userData.includes("SIZE") ? "serves" : blame("KeyError"));
  await expect(site.up("one")).rejects.toThrow();
  site.config.app.env = { COLOUR: "red" };
  await expect(site.deploy("one")).rejects.toThrow();
  expect(site.said()).not.toContain("of the launch template again");
  site.config.app.env = { COLOUR: "red", SIZE: "3" };
  await site.deploy("one");
  await lasts("one");
});

test("what served is what it goes back to, not what `up` had the fleet launch since", async () => {
  site.agents.decide = (release) => (isOf(release, "bad") ? blame("bad") : "serves");
  await site.up("one");
  site.config.app.env = { COLOUR: "red" };
  await site.up("one");
  site.config.app.env = { COLOUR: "blue" };
  await expect(site.deploy("bad")).rejects.toThrow();
  expect(site.said()).toContain("launch by version 1 of the launch template again");
  await lasts("one");
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
  expect(site.said()).toMatch(/r000002-\w+ is the very content of r000001-\w+, which is quarantined \(app: /);
});
