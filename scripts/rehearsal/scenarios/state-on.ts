import { readFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, mustDeploy } from "../deploys.ts";
import { KEPT, keptEntries } from "../kept.ts";
import { written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { configureSite } from "../site.ts";
import type { Visitor } from "../visitors.ts";

/** Longer than the TTL of 5 s that every visitor here honours. */
const DRAIN = 7;
const HEALS_SECONDS = 180;
/** What was acknowledged last is in the bucket by then, with "fast". */
const SHIPPED_SECONDS = 4;
const PICTURE = "2026/a picture.txt";
const CONTENT = "uploaded before [state] was turned on";

export const stateOn: Scenario = {
  name: "state-on",
  about:
    "[state] is turned on for a site that runs, while visitors write: the deploy takes over what the old machine has, to the last entry, and its uploads",
  overrides: { dns: { drain: DRAIN } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    const crowd = await startCrowd(rehearsal, 1);
    const began = Date.now();
    await everspot(rehearsal, ["run", "--", "sh", "-c", UPLOAD]);
    await rehearsal.pause(2);

    rehearsal.moment("[state] is turned on");
    const state = { database: `$STATE_DIRECTORY/${KEPT}`, media: "$STATE_DIRECTORY/media", pause: 60 };
    await configureSite(rehearsal.site.folder, () => ({ state }));
    await everspot(rehearsal, ["up", "--yes"]);
    const owner = await rehearsal.owner();
    const refused = await rehearsal.cli(["rollback"], 60);
    rehearsal.check(refused.exitCode !== 0, "what would leave the data behind is refused");
    await change(rehearsal, "with [state]");
    const done = await mustDeploy(rehearsal);
    rehearsal.check((await rehearsal.owner()) !== owner, `another instance than ${owner} has the site`);
    await checkInOrder(rehearsal, "after the deploy", done.release);
    await rehearsal.pause(3);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    await checkKept(rehearsal, result, crowd.all, "the deploy");

    const lost = await vanish(rehearsal);
    await rehearsal.bootOfOwner(lost, HEALS_SECONDS);
    await checkKept(rehearsal, result, crowd.all, "the machine was lost");
    const folder = path.join(rehearsal.site.folder, "pulled");
    await everspot(rehearsal, [
      "data",
      "pull",
      path.join(folder, KEPT),
      "--media",
      path.join(folder, "media"),
    ]);
    const picture = await readFile(path.join(folder, "media", PICTURE), "utf8").catch(() => "nothing");
    rehearsal.check(picture.trim() === CONTENT, `the upload came along, but it has ${picture}`);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

const UPLOAD = `mkdir -p "$STATE_DIRECTORY/media/${path.dirname(PICTURE)}" && echo '${CONTENT}' > "$STATE_DIRECTORY/media/${PICTURE}"`;

async function everspot(rehearsal: Rehearsal, args: readonly string[]): Promise<void> {
  rehearsal.moment(`everspot ${args.slice(0, 2).join(" ")}`);
  const done = await rehearsal.cli(args, 300);
  if (done.exitCode === 0) return;
  throw new EverspotError(`everspot ${args.join(" ")} ended with ${done.exitCode}`, { lines: done.lines });
}

/** Every acknowledged entry is in the bucket, under a number of its own. */
async function checkKept(
  rehearsal: Rehearsal,
  result: Result,
  visitors: readonly Visitor[],
  after: string,
): Promise<void> {
  await rehearsal.pause(SHIPPED_SECONDS);
  const kept = await keptEntries(rehearsal);
  const entries = written(visitors);
  const missing = entries.filter(({ id }) => !kept.ids.has(id));
  const twice = entries.length - new Set(entries.map(({ id }) => id)).size;
  rehearsal.moment(
    `${entries.length} entries were acknowledged, ${missing.length} are missing after ${after}`,
  );
  result.figures = {
    ...result.figures,
    "entries acknowledged": entries.length,
    [`of these missing after ${after}`]: missing.length,
  };
  rehearsal.check(kept.integrity === "ok", `the database is whole, but SQLite says ${kept.integrity}`);
  rehearsal.check(entries.length > 50, "there is something to lose");
  rehearsal.check(missing.length === 0, `after ${after} ${missing.length} acknowledged entries are lost`);
  rehearsal.check(twice === 0, `after ${after} ${twice} numbers were given twice`);
}
