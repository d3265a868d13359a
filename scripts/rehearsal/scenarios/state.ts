import { checkDown, goesOn, recordBoots, runUp, vanish } from "../acts.ts";
import { keptEntries } from "../kept.ts";
import { written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";
import type { Visitor } from "../visitors.ts";

const BACK_SECONDS = 180;
const WRITERS = 4;
/** Seconds of what a machine that vanishes may take with it in "fast": a PUT a second, and what it takes. */
const FAST_BOUND = 2.5;

/** The sample as it is, but for this. */
const settings = (durability: "fast" | "s3") => ({ state: { durability } });

export const state: Scenario = {
  name: "state",
  about:
    'entries are written all the time: what keeps them is killed, the agent restarted, the machine rebooted, then gone; with "s3" every acknowledged one is there',
  overrides: settings("s3"),
  async run(rehearsal, result) {
    const visitors = await begin(rehearsal, result);
    const owner = await rehearsal.owner();
    const on = (...command: string[]) =>
      rehearsal.cloud.machines.exec(owner, command[0] ?? "", command.slice(1));

    rehearsal.moment("what keeps the state is killed");
    await on("systemctl", "kill", "--signal=SIGKILL", "site-state.service");
    await goesOn(rehearsal, visitors, "after what keeps the state was killed");

    rehearsal.moment("the agent is restarted");
    await on("systemctl", "restart", "everspot.service");
    await goesOn(rehearsal, visitors, "with the agent restarted");

    await reboots(rehearsal, visitors, owner);
    rehearsal.check((await rehearsal.state())?.epoch === 1, "a reboot is no change of owner");

    await heals(rehearsal, result, visitors);
    await finish(rehearsal, result, visitors, 0);
  },
};

export const stateFast: Scenario = {
  name: "state-fast",
  about:
    'a machine is rebooted when it had sealed its log, then gone, with "fast": what is missing was written within the bound',
  overrides: settings("fast"),
  async run(rehearsal, result) {
    const visitors = await begin(rehearsal, result);
    const owner = await rehearsal.owner();
    rehearsal.moment(`${owner} seals its log`);
    const socket = "/run/everspot-state/private/control.sock";
    const done = await rehearsal.cloud.machines.exec(owner, "curl", [
      ...["--silent", "--unix-socket", socket, "--request", "POST", "http://shipper/seal"],
    ]);
    rehearsal.check(/"seq"/.test(done.stdout), `the log is sealed, but the shipper says ${done.stdout}`);
    await reboots(rehearsal, visitors, owner);
    rehearsal.check((await rehearsal.state())?.epoch === 2, "what was sealed goes on with another epoch");
    const at = await heals(rehearsal, result, visitors);
    await finish(rehearsal, result, visitors, at);
  },
};

async function begin(rehearsal: Rehearsal, result: Result): Promise<Visitor[]> {
  await runUp(rehearsal, result);
  const visitors = Array.from({ length: WRITERS }, (_, i) =>
    rehearsal.visit({ name: `writer ${i + 1}`, postEvery: 2, every: 100 }),
  );
  await goesOn(rehearsal, visitors, "at first");
  await rehearsal.pause(3);
  return visitors;
}

export async function reboots(
  rehearsal: Rehearsal,
  visitors: readonly Visitor[],
  owner: string,
): Promise<void> {
  rehearsal.moment(`${owner} reboots`);
  const since = Date.now();
  await rehearsal.cloud.machines.exec(owner, "systemctl", ["reboot"]);
  const gone = await visitors[0]?.first((s) => s.at > since && failed(s), 60);
  if (gone === undefined) throw new Error("the site answers all the time while its machine reboots");
  await goesOn(rehearsal, visitors, "after a reboot");
  rehearsal.check((await rehearsal.owner()) === owner, `${owner} still owns the site`);
}

/** @returns when the machine was gone. */
async function heals(rehearsal: Rehearsal, result: Result, visitors: readonly Visitor[]): Promise<number> {
  const lost = await vanish(rehearsal);
  const at = Date.now();
  await rehearsal.bootOfOwner(lost, BACK_SECONDS);
  await goesOn(rehearsal, visitors, "on the next machine");
  result.figures = {
    ...result.figures,
    "seconds from the loss to the next acknowledged entry": seconds(Date.now() - at),
  };
  await rehearsal.pause(3);
  return at;
}

const seconds = (ms: number): number => Math.round(ms / 10) / 100;

/** @param lostAt when a machine was lost; 0: nothing may be missing. */
async function finish(
  rehearsal: Rehearsal,
  result: Result,
  visitors: readonly Visitor[],
  lostAt: number,
): Promise<void> {
  await Promise.all(visitors.map((visitor) => visitor.stop()));
  // What was acknowledged last may still be on its way with "fast".
  if (lostAt > 0) await rehearsal.pause(FAST_BOUND);
  const { ids, integrity } = await keptEntries(rehearsal);
  rehearsal.check(integrity === "ok", `the database is whole, but SQLite says ${integrity}`);
  const acknowledged = written(visitors);
  const missing = acknowledged.filter(({ id }) => !ids.has(id));
  const twice = acknowledged.length - new Set(acknowledged.map(({ id }) => id)).size;
  const early = missing.filter(({ at }) => at < lostAt - FAST_BOUND * 1000 || lostAt === 0);
  rehearsal.moment(
    `${acknowledged.length} entries were acknowledged, ${ids.size} are in the bucket, ${missing.length} are missing`,
  );
  result.figures = {
    ...result.figures,
    "entries acknowledged": acknowledged.length,
    "of these missing in the bucket": missing.length,
  };
  rehearsal.check(acknowledged.length > 50, "there is something to lose");
  rehearsal.check(early.length === 0, `${early.length} acknowledged entries are lost that may not be`);
  // A number is given again after its entry was lost.
  rehearsal.check(
    twice === 0 || lostAt > 0,
    `${twice} numbers were given twice: their first entries are lost`,
  );
  await recordBoots(rehearsal, result);
  await checkDown(rehearsal, result);
}
