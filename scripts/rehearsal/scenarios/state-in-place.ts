import { writeFile } from "node:fs/promises";
import path from "node:path";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, deploy, mustDeploy, untilQuiet, withEdit } from "../deploys.ts";
import { KEPT, keptEntries } from "../kept.ts";
import { written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";
import type { Visitor } from "../visitors.ts";
import { migration } from "./state-swap.ts";

const HEALTHZ = "def healthz(request):\n";
/** What a copy does not show. */
const BROKEN = `${HEALTHZ}    if RELEASE != "rehearsal":\n        raise RuntimeError("broken on purpose")\n`;
/** What was acknowledged last is in the bucket by then, with "fast". */
const SHIPPED_SECONDS = 4;
const STANDS_SECONDS = 300;

export const stateInPlace: Scenario = {
  name: "state-in-place",
  about:
    "releases in place with migrations under writers: one that fails is undone with what it did to the data; then back, with the data too",
  overrides: {
    app: { timeout: 10 },
    state: { database: `$STATE_DIRECTORY/${KEPT}`, pause: 60 },
  },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const crowd = await startCrowd(rehearsal);
    const began = Date.now();
    const owner = await rehearsal.owner();
    await migrate(rehearsal, "0001_initial", "0002_good");
    await change(rehearsal, "in place");
    const good = await mustDeploy(rehearsal, ["--in-place"]);
    await untilQuiet(rehearsal);
    await checkInOrder(rehearsal, "after one in place", good.release);

    await migrate(rehearsal, "0002_good", "0003_bad", "DELETE FROM guestbook_entry");
    const bad = await withEdit(
      rehearsal,
      "guestbook/views.py",
      (text) => text.replace(HEALTHZ, BROKEN),
      () => deploy(rehearsal, ["--in-place"]),
    );
    rehearsal.check(bad.exitCode === 1, `a bad one: exit 1, but it was ${bad.exitCode}`);
    rehearsal.check(/healthy/.test(bad.lines.join("\n")), "it fails where visitors wait, not on the copy");
    await checkInOrder(rehearsal, "after a bad one", good.release);
    await rehearsal.pause(3);
    await crowd.stop();
    rehearsal.check((await rehearsal.owner()) === owner, "all on one machine");
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    const waits = crowd.all.flatMap((v) => v.samples).filter((s) => !failed(s));
    result.figures = {
      "longest request, seconds": Math.round(Math.max(...waits.map((s) => s.milliseconds)) / 100) / 10,
    };
    await checkKept(rehearsal, crowd.all, true, ["0002_good"]);

    const wrong = await rehearsal.cli(["rollback", "--data-too", "--in-place", "--yes"], 60);
    rehearsal.check(wrong.exitCode === 2, "--data-too is not in place");
    const back = await rehearsal.cli(["rollback", "--data-too", "--yes"], STANDS_SECONDS);
    rehearsal.check(back.exitCode === 0, `it goes back: ${back.lines.slice(-8).join(" / ")}`);
    rehearsal.check(
      (await rehearsal.state())?.release !== good.release,
      "the release before it is served again",
    );
    await checkKept(rehearsal, crowd.all, false, []);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

async function migrate(rehearsal: Rehearsal, before: string, name: string, sql?: string): Promise<void> {
  const file = path.join(rehearsal.site.folder, "guestbook/migrations", `${name}.py`);
  await writeFile(file, migration(before, name, 0, sql));
}

/** @param all whether every acknowledged entry is to be there; else what came with the release is gone. */
async function checkKept(
  rehearsal: Rehearsal,
  visitors: readonly Visitor[],
  all: boolean,
  migrations: readonly string[],
): Promise<void> {
  await rehearsal.pause(SHIPPED_SECONDS);
  const kept = await keptEntries(rehearsal);
  const entries = written(visitors);
  const missing = entries.filter(({ id }) => !kept.ids.has(id));
  rehearsal.moment(`${entries.length} entries were acknowledged, ${missing.length} of them are not there`);
  rehearsal.check(kept.integrity === "ok", `the database is whole, but SQLite says ${kept.integrity}`);
  rehearsal.check(entries.length > 50, "there is something to lose");
  rehearsal.check(
    all ? missing.length === 0 : missing.length > 0 && missing.length < entries.length,
    `${missing.length} of ${entries.length} acknowledged entries are not there`,
  );
  const applied = kept.migrations.filter((name) => name !== "0001_initial");
  rehearsal.check(applied.join() === migrations.join(), `the migrations are ${migrations}, but ${applied}`);
}
