/** What happens to a site on machines, planned and not; after each of it the site is in order again. */
import { goesOn, switchOff, vanish } from "../acts.ts";
import { checkInOrder } from "../deploys.ts";
import { target, terminate, untilTidy } from "../hand-over.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import { reboots } from "../scenarios/state.ts";
import { type Migrations, once } from "../scenarios/state-swap.ts";
import type { Visitor } from "../visitors.ts";
import type { Line } from "./line.ts";

export interface Stage {
  rehearsal: Rehearsal;
  result: Result;
  migrations: Migrations;
  line: Line;
  /** They go where the name leads; the first writes. */
  visitors: readonly Visitor[];
  /** Which one it is of all that happens. */
  n: number;
}

type Play = (stage: Stage, random: () => number) => Promise<void>;

export interface Act {
  name: string;
  /** Whether no visitor may notice. */
  planned: boolean;
  play: Play;
}

const BACK_SECONDS = 180;
/** What AWS gives. */
const NOTICE_SECONDS = 120;
/** Until the old instance is gone, from when another one has the site; with notice it stays to its end. */
const TIDY_SECONDS = NOTICE_SECONDS + 60;

const release =
  (command: "deploy" | "rollback"): Play =>
  ({ rehearsal, result, n, migrations }) =>
    once(rehearsal, result, n, [command], migrations);

/** Waits until another instance has the site, and is the only one. */
async function another(rehearsal: Rehearsal, old: string, seconds = BACK_SECONDS): Promise<void> {
  const { instance } = await rehearsal.bootOfOwner(old, seconds);
  await untilTidy(rehearsal, instance, TIDY_SECONDS);
  await checkInOrder(rehearsal, `after ${old}`);
}

/** The owner goes, and another one comes by itself. */
const goes =
  (how: (rehearsal: Rehearsal) => string | Promise<string>): Play =>
  async ({ rehearsal }) =>
    another(rehearsal, await how(rehearsal), NOTICE_SECONDS + BACK_SECONDS);

/** The same, where only who has the site need be known. */
const loses = (how: (rehearsal: Rehearsal, owner: string) => unknown): Play =>
  goes(async (rehearsal) => {
    const owner = await rehearsal.owner();
    await how(rehearsal, owner);
    return owner;
  });

/** Something is killed where the owner is, which has to go on. */
const stays =
  (how: (stage: Stage, owner: string, random: () => number) => Promise<void>): Play =>
  async (stage, random) => {
    const { rehearsal, visitors, n } = stage;
    const owner = await rehearsal.owner();
    await how(stage, owner, random);
    await goesOn(rehearsal, visitors, `after ${n}`);
    rehearsal.check((await rehearsal.owner()) === owner, `${n}: ${owner} still has the site`);
  };

const killed = (unit: string): Play =>
  stays(async ({ rehearsal }, owner) => {
    const args = ["kill", "--signal=SIGKILL", unit];
    const { exitCode, stderr } = await rehearsal.cloud.machines.exec(owner, "systemctl", args);
    rehearsal.check(exitCode === 0, `${unit} is killed, but: ${stderr}`);
  });

/** Another one takes the site while the owner is cut off, in whatever it is at; then that one is back, with its visitors. */
const replacedMeanwhile =
  (
    cut: (stage: Stage, owner: string) => void | Promise<void>,
    mend: (stage: Stage, owner: string) => void | Promise<void>,
  ): Play =>
  async (stage, random) => {
    const { rehearsal, n } = stage;
    const old = await rehearsal.owner();
    const visitor = rehearsal.visit({
      ...{ name: `z${n}`, path: "/shown", reads: true, postEvery: 2, every: 100 },
      // It never hears that the site has moved.
      ...{ outstay: 1e6, keepAlive: true },
    });
    if ((await visitor.first((s) => !failed(s), 30)) === undefined) throw new Error("no answer");
    await target(rehearsal, 2);
    await rehearsal.pause(8 * random());
    rehearsal.moment(`${old} is cut off`);
    await cut(stage, old);
    const { instance } = await rehearsal.bootOfOwner(old, BACK_SECONDS);
    await rehearsal.pause(4 * random());
    rehearsal.moment(`${old} is back`);
    await mend(stage, old);
    await rehearsal.pause(4 + 4 * random());
    await visitor.stop();
    // Or the fleet would launch one for it.
    await target(rehearsal, 1);
    await terminate(rehearsal, old);
    await untilTidy(rehearsal, instance, TIDY_SECONDS);
    await checkInOrder(rehearsal, `after ${n}`);
  };

/** In this order: a rollback needs a deploy before it. */
export const handOvers: readonly Act[] = [
  { name: "deploy", planned: true, play: release("deploy") },
  { name: "rollback", planned: true, play: release("rollback") },
  { name: "another deploy", planned: true, play: release("deploy") },
  {
    name: "AWS recommends leaving the instance",
    planned: true,
    play: loses(({ cloud }, owner) => cloud.rebalance(owner)),
  },
];

const bad: Readonly<Record<string, Play>> = {
  "power cut": goes(vanish),
  "the instance is terminated": loses(terminate),
  "the machine switches itself off": goes(switchOff),
  "AWS takes the instance, with notice": loses(({ cloud }, owner) =>
    cloud.reclaim(owner, { noticeSeconds: NOTICE_SECONDS }),
  ),
  "the machine reboots": stays(({ rehearsal, visitors }, owner) => reboots(rehearsal, visitors, owner)),
  "the agent is killed": killed("everspot.service"),
  "the shipper is killed": killed("site-state.service"),
  "S3 accepts and never answers for a while": stays(async ({ rehearsal }, _owner, random) => {
    rehearsal.cloud.wire.silence("s3");
    await rehearsal.pause(5 + 15 * random());
    rehearsal.cloud.wire.speak("s3");
  }),
  "the owner alone is cut off from AWS, and is back when another has the site": replacedMeanwhile(
    ({ line }, owner) => line.cut(owner),
    ({ line }) => line.mend(),
  ),
  "the owner's machine stands still, and goes on when another has the site": replacedMeanwhile(
    ({ rehearsal }, owner) => rehearsal.cloud.freeze(owner),
    ({ rehearsal }, owner) => rehearsal.cloud.thaw(owner),
  ),
};

export const kills: readonly Act[] = Object.entries(bad).map(([name, play]) => ({
  ...{ name, play },
  planned: false,
}));
