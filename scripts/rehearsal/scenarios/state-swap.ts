import { writeFile } from "node:fs/promises";
import path from "node:path";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, type DeployJson, noteDeploy, playCommand } from "../deploys.ts";
import { KEPT, keptEntries } from "../kept.ts";
import { written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";
import type { Visitor } from "../visitors.ts";

/** Longer than the TTL of 5 s that every visitor here honours. */
const DRAIN = 7;
/** Seconds. Shorter than the slow migration, and longer than any other on a machine that plays several at once. */
const PAUSE = { least: 18, most: 60 };

/** What the nth is, if not a deploy with a migration. */
const others: Readonly<Record<number, readonly string[]>> = {
  3: ["rollback"],
  9: ["rollback"],
  15: ["rollback"],
};

const plays = (name: string, count: number, slow: boolean, about: string): Scenario => ({
  ...{ name, about },
  overrides: {
    dns: { drain: DRAIN },
    state: { database: `$STATE_DIRECTORY/${KEPT}`, pause: slow ? PAUSE.least : PAUSE.most },
  },
  run: async (rehearsal, result) => {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    // As a browser would, they wait for as long as they may be held.
    const crowd = await startCrowd(rehearsal, 1, { patience: (PAUSE.most + DRAIN) * 1000 });
    const began = Date.now();
    const migrations = new Migrations(rehearsal);
    for (let n = 1; n <= count; n++) await once(rehearsal, result, n, others[n] ?? ["deploy"], migrations);
    if (slow) await refusedFirst(rehearsal, result, migrations);
    await rehearsal.pause(3);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    await checkKept(rehearsal, result, crowd.all, migrations);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
});

export const stateSwap = plays(
  "state-swap",
  20,
  true,
  "20 deploys and rollbacks with migrations under writers: no request and no entry is lost; a migration of 20 s is refused, and let through with --pause 60",
);
export const stateSwapShort = plays(
  "state-swap-short",
  2,
  false,
  "two deploys with a migration each under writers: no request and no entry is lost",
);

/** The project's migrations, one more with each deploy. */
export class Migrations {
  readonly #rehearsal: Rehearsal;
  #last = "0001_initial";
  /** That are to be applied in the end. */
  readonly applied: string[] = [];

  constructor(rehearsal: Rehearsal) {
    this.#rehearsal = rehearsal;
  }

  /** @param seconds that it takes. @returns its name. */
  async add(seconds = 0): Promise<string> {
    const name = `${String(this.applied.length + 2).padStart(4, "0")}_step`;
    await writeFile(this.#file(name), migration(this.#last, name, seconds));
    this.#last = name;
    this.applied.push(name);
    return name;
  }

  #file(name: string): string {
    return path.join(this.#rehearsal.site.folder, "guestbook/migrations", `${name}.py`);
  }
}

/** Touches each row there is. @param sql what it does besides. */
export const migration = (
  before: string,
  name: string,
  seconds: number,
  sql = "SELECT 1",
): string => `import time

from django.db import migrations


def wait(apps, schema_editor):
    time.sleep(${seconds})


class Migration(migrations.Migration):
    dependencies = [("guestbook", "${before}")]
    operations = [
        migrations.RunSQL("CREATE TABLE made_by_${name} (id INTEGER PRIMARY KEY)"),
        migrations.RunSQL("UPDATE guestbook_entry SET message = substr(message || '.', 1, 400)"),
        migrations.RunSQL("${sql}"),
        migrations.RunPython(wait),
    ]
`;

/** The nth of a series: a deploy with a migration of its own, or what else brings a release. */
export async function once(
  rehearsal: Rehearsal,
  result: Result,
  n: number,
  args: readonly string[],
  migrations: Migrations,
): Promise<void> {
  const name = `${n}: ${args.join(" ")}`;
  const owner = await rehearsal.owner();
  if (args[0] === "deploy") {
    await change(rehearsal, `state swap ${n}`);
    await migrations.add();
  }
  const outcome = await playCommand(rehearsal, args);
  noteDeploy(result, name, outcome);
  rehearsal.check(
    outcome.exitCode === 0,
    `${name}: succeeds, but it exited with ${outcome.exitCode}: ${outcome.lines.slice(-8).join(" / ")}`,
  );
  rehearsal.check(
    (await rehearsal.owner()) !== owner,
    `${name}: another instance than ${owner} has the site`,
  );
  await checkInOrder(rehearsal, name, (outcome.json as Partial<DeployJson>).release);
}

/** A migration for which visitors would wait too long makes no one wait; with a longer pause it is let through. */
async function refusedFirst(rehearsal: Rehearsal, result: Result, migrations: Migrations): Promise<void> {
  const before = await rehearsal.state();
  await change(rehearsal, "state swap, slow");
  await migrations.add(20);
  const refused = await playCommand(rehearsal, ["deploy"]);
  noteDeploy(result, "a migration of 20 s", refused);
  const said = refused.lines.join("\n");
  rehearsal.check(refused.exitCode !== 0, "a migration of 20 s is refused");
  rehearsal.check(/takes \d+ s on a copy/.test(said), `its time is said, but it said ${said.slice(-600)}`);
  rehearsal.check(/--pause \d+/.test(said), "what would do is said");
  rehearsal.check((await rehearsal.state())?.owner === before?.owner, "nobody else has the site then");
  const done = await playCommand(rehearsal, ["deploy", "--pause", "60"]);
  noteDeploy(result, "the same with --pause 60", done);
  rehearsal.check(done.exitCode === 0, `with --pause 60 it goes: ${done.lines.slice(-8).join(" / ")}`);
  await checkInOrder(rehearsal, "after --pause 60", (done.json as Partial<DeployJson>).release);
}

/** Every acknowledged entry is in the bucket, under a number of its own. */
async function checkKept(
  rehearsal: Rehearsal,
  result: Result,
  visitors: readonly Visitor[],
  migrations: Migrations,
): Promise<void> {
  // The last commits may still be on their way.
  await rehearsal.pause(3);
  const kept = await keptEntries(rehearsal);
  const entries = written(visitors);
  const missing = entries.filter(({ id }) => !kept.ids.has(id));
  const twice = entries.length - new Set(entries.map(({ id }) => id)).size;
  const waits = visitors.flatMap((v) => v.samples).filter((s) => !failed(s));
  const longest = Math.max(...waits.map((s) => s.milliseconds)) / 1000;
  rehearsal.moment(`${entries.length} entries were acknowledged, ${missing.length} of them are missing`);
  result.figures = {
    ...result.figures,
    "entries acknowledged": entries.length,
    "of these missing in the bucket": missing.length,
    "longest request, seconds": Math.round(longest * 10) / 10,
  };
  rehearsal.check(kept.integrity === "ok", `the database is whole, but SQLite says ${kept.integrity}`);
  rehearsal.check(entries.length > 50, "there is something to lose");
  rehearsal.check(missing.length === 0, `${missing.length} acknowledged entries are lost`);
  rehearsal.check(twice === 0, `${twice} numbers were given twice`);
  const unapplied = migrations.applied.filter((name) => !kept.migrations.includes(name));
  rehearsal.check(unapplied.length === 0, `every migration is applied, but not ${unapplied.join()}`);
}
