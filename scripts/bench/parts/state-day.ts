/** How long does it take to bring a site's state back whose owner made no base all day? */
import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { longLog } from "../../state/long-log.ts";
import { buildPrograms } from "../../state/programs.ts";
import type { Part } from "../bench.ts";
import { round } from "../stats.ts";

/** One a second. */
const ENTRIES = 86_400;

export const stateDay: Part = {
  name: "state-day",
  about: `a restore from a base with ${ENTRIES} entries behind it`,
  async run(bench, figures) {
    const folder = await mkdtemp(path.join(bench.directory, "state-day-"));
    const done = await longLog(await buildPrograms(folder), path.join(folder, "log"), ENTRIES);
    figures.stateDay = { entries: ENTRIES, ...done };
    bench.say(
      `${ENTRIES} entries are back in ${round(done.seconds)} s, by ${round(done.resident)} MB of memory`,
    );
  },
};
