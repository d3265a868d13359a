import { heldIn } from "../../state/held.ts";
import { judge, judgeMoment } from "../../state/ledger.ts";
import { randomOf } from "../../state/random.ts";
import type { Series } from "../../state/series.ts";
import { keptEntries, restored } from "../kept.ts";
import { failed } from "../sample.ts";
import type { Stage } from "./acts.ts";
import { ENTRIES, ledgerOf } from "./ledger.ts";

/** Milliseconds since the epoch. */
export interface Span {
  from: number;
  to: number;
}

/** Of the visitors who go where the name leads. */
export function checkNoneNoticed(
  { rehearsal, result, visitors }: Omit<Stage, "n">,
  planned: readonly Span[],
): void {
  const meanwhile = visitors.flatMap(({ name, samples }) =>
    samples
      .filter((s) => planned.some(({ from, to }) => s.at >= from && s.at < to))
      .map((s) => ({ ...s, name })),
  );
  const noticed = meanwhile
    .filter(failed)
    .map((s) => `${new Date(s.at).toISOString()} ${s.name} ${s.method}: ${s.error ?? s.status}`);
  result.figures = {
    ...result.figures,
    "hand-overs as planned": planned.length,
    "requests that failed in these": noticed.length,
    "longest request in these, seconds":
      Math.round(Math.max(0, ...meanwhile.map((s) => s.milliseconds)) / 100) / 10,
  };
  rehearsal.check(
    noticed.length === 0,
    `no request fails while the site is handed over as planned, but ${noticed.length} did (${noticed.slice(0, 5).join("; ")})`,
  );
}

/** What is in the bucket, and only that, against what visitors were told: in the end, and at moments of the past. */
export async function checkBucket(
  { rehearsal, result, migrations }: Omit<Stage, "n">,
  { from, to }: Span,
  { seed, moments }: Series,
): Promise<void> {
  const ledger = ledgerOf(result.visitors);
  const verdict = judge(ledger, await restored(rehearsal, (database) => heldIn(database, ENTRIES)));
  const { acknowledged, lost, unseen, twice, integrity } = verdict;
  const applied = (await keptEntries(rehearsal)).migrations;
  const unapplied = migrations.applied.filter((name) => !applied.includes(name));
  const random = randomOf(seed);
  const wrong: string[] = [];
  for (let i = 0; i < moments; i++) {
    const at = from + (to - from) * random();
    const moment = new Date(at).toISOString();
    const held = await restored(rehearsal, (database) => heldIn(database, ENTRIES), moment);
    const { missing, early } = judgeMoment(ledger, held, at);
    if (held.integrity === "ok" && missing.length + early.length === 0) continue;
    wrong.push(`${moment}: ${held.integrity}, ${missing.length} missing, ${early.length} too early`);
  }
  rehearsal.moment(
    `seed ${seed}: ${acknowledged} writes acknowledged, ${ledger.shown.size} shown; lost: ${lost.length}, shown and gone: ${unseen.length}, twice: ${twice.length}; of ${moments} moments of the history ${wrong.length} are not what visitors were told`,
  );
  result.figures = {
    ...result.figures,
    ...{ seed, minutes: Math.round((to - from) / 6_000) / 10 },
    "writes acknowledged": acknowledged,
    "writes refused": ledger.refused,
    "acknowledged and lost": lost.length,
    "shown to a reader": ledger.shown.size,
    "shown and gone": unseen.length,
    "there twice": twice.length,
    "moments of the history restored": moments,
    "of these not what visitors were told": wrong.length,
  };
  rehearsal.check(integrity === "ok", `the database is whole, but SQLite says ${integrity}`);
  rehearsal.check(acknowledged > 50, "there is something to lose");
  rehearsal.check(lost.length === 0, `what was acknowledged is there, but not ${some(lost)}`);
  rehearsal.check(unseen.length === 0, `what was shown is there, but not ${some(unseen)}`);
  rehearsal.check(twice.length === 0, `each is there once, but not ${some(twice)}`);
  rehearsal.check(wrong.length === 0, `the history is what visitors were told, but not ${some(wrong)}`);
  rehearsal.check(unapplied.length === 0, `every migration is applied, but not ${unapplied.join()}`);
}

const some = (all: readonly string[]): string =>
  `${all.slice(0, 5).join("; ")}${all.length > 5 ? `, and ${all.length - 5} more` : ""}`;
