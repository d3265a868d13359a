import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, mustDeploy } from "../deploys.ts";
import { countedOnce, written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** Longer than the visitor who keeps 3 x 5 s, as a site's drain must be. */
const DRAIN = 30;

export const swap: Scenario = {
  name: "swap",
  about: "a deploy under load: a new instance takes the site over, and no visitor loses a request",
  overrides: { dns: { drain: DRAIN } },
  run: (rehearsal, result) => run(rehearsal, result, async () => {}),
};

export const swapTemplate: Scenario = {
  name: "swap-template",
  about: "the same when the configuration has changed as well, and so what the fleet launches from",
  overrides: { dns: { drain: DRAIN } },
  run: (rehearsal, result) =>
    run(rehearsal, result, async () => {
      const file = path.join(rehearsal.site.folder, "everspot.toml");
      const text = await readFile(file, "utf8");
      const changed = text.replace(/^workers = 2$/m, "workers = 3");
      rehearsal.check(changed !== text, "everspot.toml has two workers");
      await writeFile(file, changed);
    }),
};

async function run(rehearsal: Rehearsal, result: Result, configure: () => Promise<void>): Promise<void> {
  await runUp(rehearsal, result);
  const crowd = await startCrowd(rehearsal);
  await rehearsal.pause(3);
  await change(rehearsal, "second");
  await configure();
  const began = Date.now();
  const done = await mustDeploy(rehearsal);
  result.swap = { seconds: done.seconds, steps: done.steps };
  await rehearsal.pause(5);
  await crowd.stop();
  for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
  checkReleases(rehearsal, result, written(crowd.all), [done.previous ?? "", done.release ?? ""], done.began);
  await checkInOrder(rehearsal, "after the swap", done.release);
  result.certificate = { orders: await rehearsal.orders() };
  rehearsal.check(result.certificate.orders === 1, "a swap makes no new certificate order");
  await recordBoots(rehearsal, result);
  await checkDown(rehearsal, result);
}

/** The old release first, then the new one, side by side only while the site is handed over. */
function checkReleases(
  rehearsal: Rehearsal,
  result: Result,
  entries: ReturnType<typeof written>,
  releases: readonly [string, string],
  began: number,
): void {
  const [old, fresh] = releases;
  const others = entries.filter((e) => !releases.includes(e.release));
  rehearsal.check(
    others.length === 0,
    `both releases answer POSTs, nothing else does (${others[0]?.release})`,
  );
  for (const problem of countedOnce(entries)) rehearsal.check(false, problem);
  const first = entries.find((e) => e.release === fresh)?.at;
  const last = entries.findLast((e) => e.release === old)?.at;
  const handOver = result.swap?.steps.find((s) => s.name === "hand over");
  const until = began + ((handOver?.start ?? 0) + (handOver?.seconds ?? 0) + 1) * 1000;
  rehearsal.check(first !== undefined && last !== undefined, "both releases answered POSTs");
  rehearsal.check(
    (last ?? 0) <= until,
    `the old release answers nothing once it forwards, but it did ${((last ?? 0) - until) / 1000} s later`,
  );
  result.figures = {
    ...result.figures,
    posts: entries.length,
    "seconds side by side": Math.max(0, ((last ?? 0) - (first ?? 0)) / 1000),
  };
}
