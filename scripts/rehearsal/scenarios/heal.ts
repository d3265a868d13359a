import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { channelDocument } from "../../../agent/site/channel.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { checkDown, recordBoots, runUp, runUpAgain, vanish } from "../acts.ts";
import { eatersOf } from "../eaters.ts";
import { ownedAt } from "../meter.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

/** Replacing an instance that vanished takes a launch, a boot and a resolver's memory; more than this is a fault. */
const HEAL_SECONDS = 180;
/** Milliseconds before an instance is gone at once, of which its log may lack the lines. */
const UNSAID = 2_000;

export const heal: Scenario = {
  name: "heal",
  about: "up, up again, the instance vanishes without notice, the next one serves, down",
  run: (rehearsal, result) => run(rehearsal, result),
};

export const healAtBaseline: Scenario = {
  name: "heal-at-baseline",
  about:
    "the same on a t3.micro that may borrow no CPU credits: a tenth of each of its processors from the start",
  credits: true,
  overrides: { fleet: { types: ["t3.micro"], credits: "standard" } },
  async run(rehearsal, result) {
    await run(rehearsal, result, async () => {
      const { value: channel } = await readDocument(rehearsal.store, channelDocument);
      const bad = channel?.quarantined.map((q) => `${q.id}: ${q.reason}`) ?? [];
      rehearsal.check(bad.length === 0, `no release is condemned for a slow machine, but ${bad.join("; ")}`);
    });
  },
};

/** @param more is checked once it has healed. */
async function run(
  rehearsal: Rehearsal,
  result: Result,
  more: () => Promise<void> = async () => {},
): Promise<void> {
  await runUp(rehearsal, result);
  await runUpAgain(rehearsal, result);

  const visitor = rehearsal.visit({ name: "every 50 ms" });
  const before = await visitor.first((s) => !failed(s), 30);
  if (before === undefined) throw new Error("the site does not answer its visitor");
  await rehearsal.pause(3);

  const lost = await vanish(rehearsal);
  const reclaimed = Date.now();
  const gone = await visitor.first((s) => s.at > reclaimed && failed(s), 60);
  if (gone === undefined) throw new Error("the site answers though its instance is gone");
  const after = await visitor.first((s) => s.at > gone.at && !failed(s), HEAL_SECONDS);
  if (after === undefined)
    throw new Error(`the site is not back ${HEAL_SECONDS} s after its instance vanished`);
  rehearsal.moment("the visitor is served again");
  const eaters = await eatersOf(rehearsal.cloud, await rehearsal.owner());
  await rehearsal.pause(3);
  const served = new Set(visitor.samples.flatMap((s) => s.serial ?? []));
  const record = await rehearsal.bootOfOwner(lost);
  result.heal = {
    secondsToServing: seconds(after.at - reclaimed),
    sameCertificate: served.size === 1,
    processorSeconds: rehearsal.meter.untilOwned(record),
    parts: parts(record, reclaimed, after.at),
  };
  rehearsal.moment(
    `healed in ${result.heal.secondsToServing} s; ${result.heal.processorSeconds} s of processor time`,
  );
  rehearsal.moment(`most of it: ${eaters.map((e) => `${e.unit} ${e.seconds} s`).join(", ")}`);
  await visitor.stop();
  const answered = visitor.samples.findLast((s) => s.at < gone.at && !failed(s));
  await checkLog(rehearsal, lost, record.instance, answered?.at ?? 0);

  result.certificate = { orders: await rehearsal.orders() };
  await recordBoots(rehearsal, result);
  rehearsal.check(result.heal.sameCertificate, "a healed site serves the certificate it served before");
  rehearsal.check(result.certificate.orders === 1, "a replacement makes no further certificate order");
  await more();
  await checkDown(rehearsal, result);
}

/** `everspot logs` has the lines of the instance that is gone, up to its end, and of the one that came. */
async function checkLog(rehearsal: Rehearsal, lost: string, next: string, answered: number): Promise<void> {
  const { json } = await rehearsal.cli(["logs", "--since", "1h"], 60);
  const { lines = [] } = json as { lines?: { at: string; source: string; instance: string }[] };
  const of = (instance: string, source: string) =>
    lines.filter((line) => line.instance === instance && line.source === source);
  const last = Math.max(...of(lost, "access").map(({ at }) => Date.parse(at)));
  rehearsal.check(
    last >= answered - UNSAID,
    `the log has the requests that ${lost} answered until ${UNSAID / 1000} s before its end, not until ${(answered - last) / 1000} s`,
  );
  rehearsal.check(of(next, "agent").length > 0, `the log has what the agent of ${next} says`);
  rehearsal.moment(
    `${lines.length} lines in the log, the last of ${lost} ${(answered - last) / 1000} s before its last answer`,
  );
}

const seconds = (ms: number): number => Math.round(ms / 10) / 100;

/** What the time from the reclaim to the first answer was spent on. */
function parts(record: BootRecord, reclaimed: number, served: number): { name: string; seconds: number }[] {
  const started = Date.parse(record.started);
  const owned = ownedAt(record);
  return [
    { name: "the replacement is launched and its user data runs", seconds: seconds(started - reclaimed) },
    { name: "it has booted, serves itself and has the records", seconds: seconds(owned - reclaimed) },
    { name: "the visitor's resolver follows", seconds: seconds(served - reclaimed) },
  ];
}
