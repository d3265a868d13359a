import { appendFile } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "../../../agent/site/errors.ts";
import { asLateAsS3 } from "../../state/bucket.ts";
import { randomOf } from "../../state/random.ts";
import type { Series } from "../../state/series.ts";
import { checkDown, goesOn, recordBoots, runUp } from "../acts.ts";
import { KEPT } from "../kept.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";
import { handOvers, kills, type Stage } from "../torture/acts.ts";
import { SHOWN } from "../torture/ledger.ts";
import { Line } from "../torture/line.ts";
import { orderOf } from "../torture/order.ts";
import { checkBucket, checkNoneNoticed, type Span } from "../torture/verdict.ts";
import type { Visitor } from "../visitors.ts";
import { Migrations } from "./state-swap.ts";

/** Longer than the TTL of 5 s that every visitor here honours. */
const DRAIN = 7;
/** Seconds that visitors may be held. */
const PAUSE = 60;
/** Until each visitor's resolver has heard of a change. */
const KNOWN_SECONDS = 6;
const WRITERS = 4;

export const stateTorture: Scenario = {
  name: "state-torture",
  about:
    'hand-overs and kills in an order that comes of a seed, while entries are written with "s3": nothing that was acknowledged or shown is missing in the bucket, now or at any moment of its history',
  overrides: {
    dns: { drain: DRAIN },
    state: { database: `$STATE_DIRECTORY/${KEPT}`, durability: "s3", pause: PAUSE },
  },
  async run(rehearsal, result, series) {
    await appendFile(path.join(rehearsal.site.folder, "project/urls.py"), SHOWN);
    let late = true;
    rehearsal.cloud.wire.before(async ({ service, operation }) => {
      if (late && service === "s3") await asLateAsS3(operation);
    });
    const line = new Line(rehearsal.cloud);
    const migrations = new Migrations(rehearsal);
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    const visitors = startVisitors(rehearsal);
    await goesOn(rehearsal, visitors, "at first");

    const begun = Date.now();
    const planned: Span[] = [];
    const stage = { rehearsal, result, migrations, line, visitors };
    await torture(stage, series, planned).catch((error) => rehearsal.check(false, messageOf(error)));
    await goesOn(rehearsal, visitors, "in the end").catch((error) =>
      rehearsal.check(false, messageOf(error)),
    );
    const span = { from: begun, to: Date.now() };
    await Promise.all(visitors.map((visitor) => visitor.stop()));
    late = false;
    checkNoneNoticed(stage, planned);
    await checkBucket(stage, span, series);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

function startVisitors(rehearsal: Rehearsal): Visitor[] {
  const patient = { patience: (PAUSE + DRAIN) * 1000 };
  const writers = Array.from({ length: WRITERS }, (_, i) =>
    rehearsal.visit({
      ...{ ...patient, name: `w${i + 1}`, postEvery: 1, every: 250 },
      ...{ keepAlive: i === 2, http2: i === 3 },
    }),
  );
  const reader = { ...patient, path: "/shown", reads: true, every: 100 };
  return [...writers, rehearsal.visit({ ...reader, name: "a reader" })];
}

/** @param planned gets when each hand-over was that no visitor may notice. */
async function torture(stage: Omit<Stage, "n">, series: Series, planned: Span[]): Promise<void> {
  const { rehearsal, result } = stage;
  const until = Date.now() + (series.hours ?? 0) * 3_600_000;
  const all = series.hours === undefined ? ` of ${series.handOvers + series.kills}` : "";
  rehearsal.moment(`seed ${series.seed}`);
  let n = 0;
  let seed = series.seed;
  do {
    const random = randomOf(seed++);
    for (const act of orderOf(handOvers, kills, series, random)) {
      if (series.hours !== undefined && Date.now() >= until) return;
      const from = Date.now();
      rehearsal.moment(`${++n}${all}: ${act.name}`);
      await act.play({ ...stage, n }, random);
      const seconds = Math.round((Date.now() - from) / 100) / 10;
      rehearsal.moment(`${n}${all}: ${act.name}: ${seconds} s`);
      result.figures = { ...result.figures, [`${n}: ${act.name}, seconds`]: seconds };
      if (act.planned) planned.push({ from, to: Date.now() });
      else await rehearsal.pause(KNOWN_SECONDS);
      // Nobody looks back at them, and they are many.
      rehearsal.cloud.wire.calls.length = 0;
    }
  } while (series.hours !== undefined);
}
