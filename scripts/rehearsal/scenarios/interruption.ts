import { checkDown, recordBoots, runUp } from "../acts.ts";
import { acknowledged, checkLostNothing, failures, startCrowd } from "../crowd.ts";
import { untilForwarding, untilTidy } from "../hand-over.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** What AWS gives. */
const NOTICE_SECONDS = 120;
const TTL = 60;
/** The last few requests may be under way when AWS ends the machine. */
const AFTERWARDS_SECONDS = 10;

export const interruption: Scenario = {
  name: "interruption",
  about: `AWS takes the instance with ${NOTICE_SECONDS} s notice, TTL ${TTL} s before; four visitors`,
  overrides: { dns: { ttl: TTL } },
  run: (rehearsal, result) => run(rehearsal, result, {}),
};

export const interruptionNoCapacity: Scenario = {
  name: "interruption-no-capacity",
  about: "the same when there is no spot capacity: an on-demand instance bridges",
  overrides: { dns: { ttl: TTL }, fleet: { bridge: true } },
  run: (rehearsal, result) => run(rehearsal, result, { noCapacity: true }),
};

async function run(rehearsal: Rehearsal, result: Result, how: { noCapacity?: boolean }): Promise<void> {
  await runUp(rehearsal, result);
  const old = await rehearsal.owner();
  const crowd = await startCrowd(rehearsal);
  await rehearsal.pause(10);
  if (how.noCapacity) rehearsal.cloud.capacity("*", "*", "none", "spot");
  rehearsal.moment(`AWS will take ${old} in ${NOTICE_SECONDS} s`);
  const noticed = Date.now();
  rehearsal.cloud.reclaim(old, { noticeSeconds: NOTICE_SECONDS });
  const ends = noticed + NOTICE_SECONDS * 1000;

  const record = await rehearsal.bootOfOwner(old, NOTICE_SECONDS - 5);
  result.figures = { "seconds to the new owner": seconds(Date.now() - noticed) };
  await untilForwarding(rehearsal, result, old, noticed);
  const left = await untilTidy(rehearsal, record.instance, seconds(ends - Date.now()) + 60);
  await rehearsal.pause(Math.max(0, seconds(ends - Date.now())) + AFTERWARDS_SECONDS);
  await crowd.stop();

  const late = failures(crowd.outstays).length;
  const posts = acknowledged(crowd.all);
  result.figures = {
    ...result.figures,
    "failed of the visitor who outstays the TTL, all after the old machine's end": late,
    "POST requests acknowledged": posts.posts,
  };
  checkLostNothing(rehearsal, crowd.honest, noticed);
  checkLostNothing(rehearsal, crowd.keepsAlive, noticed);
  checkLostNothing(rehearsal, crowd.http2, noticed);
  checkLostNothing(rehearsal, crowd.outstays, noticed, ends);
  rehearsal.check(late > 0, "the visitor who outstays the TTL is still at the old machine when it ends");
  rehearsal.check(posts.posts > 200, `POST requests are acknowledged, ${posts.posts}`);
  rehearsal.check(
    left.onDemand === (how.noCapacity ? 1 : 0),
    `${how.noCapacity ? "an" : "no"} on-demand instance bridges, but the fleet has a target of ${left.onDemand}`,
  );
  if (how.noCapacity) await backToSpot(rehearsal, result, record.instance);
  await recordBoots(rehearsal, result);
  await checkDown(rehearsal, result);
}

/** There are spot instances again: one takes over from the bridge, which then ends. */
async function backToSpot(rehearsal: Rehearsal, result: Result, bridge: string): Promise<void> {
  rehearsal.moment("there is spot capacity again");
  const since = Date.now();
  rehearsal.cloud.capacity("*", "*", "available", "spot");
  const spot = await rehearsal.bootOfOwner(bridge, 120);
  result.figures = { ...result.figures, "seconds back to spot": seconds(Date.now() - since) };
  const left = await untilTidy(rehearsal, spot.instance, 150);
  rehearsal.check(left.onDemand === 0, `nothing bridges any more, target ${left.onDemand}`);
}

const seconds = (ms: number): number => Math.round(ms / 100) / 10;
