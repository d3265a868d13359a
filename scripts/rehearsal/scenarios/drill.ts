import { stat } from "node:fs/promises";
import path from "node:path";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing } from "../crowd.ts";
import { checkInOrder } from "../deploys.ts";
import { untilTidy } from "../hand-over.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

const DRILL_SECONDS = 420;
const DRAIN = 30;

interface DrillJson {
  way: string;
  passed: boolean;
  from: string;
  to: string;
  handedOver: number;
  downtime: number;
  requests: number;
  failed: number;
}

export const drill: Scenario = {
  name: "drill",
  about:
    "everspot drill: AWS's own notice, by the Fault Injection Service; what it measures, and the history",
  overrides: { dns: { drain: DRAIN } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const common = { every: 60, postEvery: 5 };
    const visitors = [
      rehearsal.visit({ ...common, name: "honours the TTL" }),
      rehearsal.visit({ ...common, name: "speaks HTTP/2", http2: true }),
    ];
    for (const visitor of visitors) {
      if ((await visitor.first((s) => !failed(s), 30)) === undefined) throw new Error("no answer");
    }
    const old = await rehearsal.owner();
    rehearsal.moment("everspot drill");
    const began = Date.now();
    const done = await rehearsal.cli(["drill", "--yes", "--max-downtime", "1"], DRILL_SECONDS);
    const seen = done.json as DrillJson;
    rehearsal.check(done.exitCode === 0, `the drill ends with 0, not ${done.exitCode}`);
    rehearsal.check(seen.way === "interruption", `with notice, not by ${seen.way}`);
    rehearsal.check(seen.from === old && seen.to === (await rehearsal.owner()), `${old} hands over`);
    result.figures = {
      "seconds until another instance owned the site": seen.handedOver,
      "seconds of downtime, as the drill measures": seen.downtime,
      "failed requests of the drill": `${seen.failed} of ${seen.requests}`,
    };
    await untilTidy(rehearsal, seen.to, DRAIN + 90);
    await Promise.all(visitors.map((visitor) => visitor.stop()));
    for (const visitor of visitors) checkLostNothing(rehearsal, visitor, began);
    await checkInOrder(rehearsal, "after the drill");
    rehearsal.check(rehearsal.cloud.fis.templates.size === 0, "no experiment is left");

    const page = path.join(rehearsal.site.folder, "history.html");
    const history = await rehearsal.cli(["history", "--html", page], 60);
    const { entries } = history.json as { entries: { kind: string; seconds?: number }[] };
    const kinds = entries.map((e) => e.kind);
    rehearsal.check(
      [...kinds].sort().join() === "drill,first,replacement" && entries.every((e) => e.seconds !== undefined),
      `the history has the drill and both boots, with durations (${JSON.stringify(entries)})`,
    );
    rehearsal.check((await stat(page)).size > 1000, "the history is a page, too");
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};
