/** The loop of correcting: what fails is put right, by `up` or by `deploy`, and what was put right outlives its instance. */
import { expect, test } from "vitest";
import { hasContent } from "../../../agent/site/release.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import type { SiteConfig } from "../../../provisioner/config/site-config.ts";
import type { Behaviour } from "../deploy/agent.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { sha256 } from "../sha256.ts";

/** The site is served with this content, the next machine will run just that, and does. */
export async function lasts(site: SwapSite, content: string): Promise<void> {
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

export const blame = (line: string): Behaviour => ({ blame: "the app does not start", lines: [line] });
export const isOf = (release: string, content: string): boolean => hasContent(release, sha256(content));

interface Kind {
  /** What this content does on a machine of this configuration. */
  behaves(release: string, userData: string): Behaviour;
  /** Of what is wrong at first, of what is right then, of what is wrong later, and of what is right in the end. */
  contents: [string, string, string, string];
  /** What else is put right, the first and the second time. */
  correct(config: SiteConfig, time: 1 | 2): void;
  said: RegExp;
}

const kinds = {
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
    correct: (config, time) => {
      config.app.env = time === 1 ? { COLOUR: "red" } : { COLOUR: "red", SIZE: "3" };
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
    correct: (config, time) => {
      config.image.packages = time === 1 ? ["libfoo"] : ["libfoo", "libbar"];
    },
    said: /libfoo|libbar/,
  },
} satisfies Record<string, Kind>;

/** What is found wrong, put right, and found to last. */
const ways = {
  async "`up`, then by `deploy`: each serves, and lasts"(site, { contents, correct, said }) {
    const [bad, right, worse, best] = contents;
    expect(await failing(site.up(bad))).toMatch(said);
    // It goes on trying by itself.
    await site.tools.clock.sleep(120_000);
    correct(site.config, 1);
    await site.up(right);
    await lasts(site, right);
    expect(await failing(site.deploy(worse))).toMatch(said);
    await lasts(site, right);
    correct(site.config, 2);
    await site.deploy(best);
    await lasts(site, best);
  },
  async "`deploy`, of a site that never served: it serves, and lasts"(site, { contents, correct, said }) {
    const [bad, right] = contents;
    expect(await failing(site.up(bad))).toMatch(said);
    correct(site.config, 1);
    await site.deploy(right);
    await lasts(site, right);
  },
  async "nothing: `up` says again what is wrong"(site, { contents, said }) {
    const [bad] = contents;
    await failing(site.up(bad));
    expect(await failing(site.up(bad))).toMatch(said);
    expect(await failing(site.up(bad))).toMatch(said);
  },
} satisfies Record<string, (site: SwapSite, kind: Kind) => Promise<void>>;

/** @returns all that was said of it. */
async function failing(work: Promise<void>): Promise<string> {
  const error = await work.then(
    () => expect.fail("it does not fail"),
    (e: { lines: string[]; message: string }) => e,
  );
  return [error.message, ...error.lines].join("\n");
}

export type Correction = readonly [kind: keyof typeof kinds, by: keyof typeof ways];

const all = (Object.keys(kinds) as Correction[0][]).flatMap((kind) =>
  (Object.keys(ways) as Correction[1][]).map((by): Correction => [kind, by]),
);
/** Each kind and each way once. */
export const sample = all.filter((_, n) => n % 4 === 0);
export const others = all.filter((one) => !sample.includes(one));

export function testCorrections(those: readonly Correction[]): void {
  test.each(those)("a correction of the %s by %s", async (kind, by) => {
    const site = await openSwapSite({ down: true });
    try {
      site.agents.decide = kinds[kind].behaves;
      await ways[by](site, kinds[kind]);
      expect(site.agents.failures).toEqual([]);
      expect(site.cloud.faults()).toEqual([]);
    } finally {
      await site.close();
    }
  });
}
