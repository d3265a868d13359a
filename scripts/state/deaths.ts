/** A machine that is gone, with its disk, at one step of a hand-over; and who has the site then (STATE §5). */

import type { TAKING, YieldStep } from "../../agent/ownership/state-swap.ts";
import { systemClock } from "../../agent/site/clock.ts";
import type { Instance } from "./instance.ts";
import type { StateSite } from "./site.ts";

type Step = (typeof TAKING)[number] | YieldStep;
type Play = (site: StateSite, random: () => number) => Promise<void>;

/** The one that had the site has ended its app and sealed; visitors wait. */
async function seals(site: StateSite): Promise<Instance> {
  const old = site.owner;
  site.current = undefined;
  await old.endApp();
  await old.order("seal");
  return old;
}

/** The other one did not come to be open, or is gone again: the one that has sealed takes the site back. */
async function takesBack(site: StateSite, old: Instance): Promise<void> {
  const { rewound } = await old.goBack(site.newEpoch());
  if (!rewound) await old.takeOver();
  await old.ship();
  await old.serve();
  await old.order("open");
  site.current = old;
}

/** What is begun and never ends: its machine goes meanwhile. */
async function cutOff(
  instance: Instance,
  begun: Promise<unknown>,
  within: number,
  random: () => number,
): Promise<void> {
  begun.catch(() => undefined);
  await systemClock.sleep(within * random());
  await instance.destroy();
}

/** Of a release whose instance does not come to be open: the one that goes back undoes it. */
const MIGRATION = "CREATE TABLE migrated (x); DELETE FROM rows; INSERT INTO migrated VALUES (1)";
/** Before it, as the agent sets it: what comes after it counts only once somebody is open. */
const MARK = "mark?name=before%20r2";

/** The migration is begun: whoever takes the site next, and serves, must not have it. */
async function tries(next: Instance): Promise<void> {
  await next.takeOver();
  await next.ship();
  await next.order(MARK);
  await next.sql(MIGRATION);
}

/** The one that takes the site over comes to a step, begins with it, and is gone. */
const taker =
  (work: (next: Instance, random: () => number) => Promise<void>): Play =>
  async (site, random) => {
    const old = await seals(site);
    await work(await site.next(), random);
    await takesBack(site, old);
  };

/** The one that has sealed is about to go back, and is gone at that; a third one takes the site. */
const goingBack =
  (work: (old: Instance, site: StateSite, random: () => number) => Promise<void>): Play =>
  async (site, random) => {
    const old = await seals(site);
    const next = await site.next();
    await tries(next);
    // Some of it is in the bucket, or all.
    await systemClock.sleep(200 * random());
    await next.destroy();
    await work(old, site, random);
    await site.take();
    const begun = await site.owner.sql("SELECT * FROM migrated").catch(() => undefined);
    if (begun !== undefined) throw new Error("whoever serves has a migration that was half done");
  };

export const taking: Readonly<Record<(typeof TAKING)[number], Play>> = {
  rehearsal: async (site, random) => {
    // No one waits yet.
    const next = await site.next();
    await cutOff(next, next.restore(), 400, random);
  },
  claim: taker((next) => next.destroy()),
  ask: async (site, random) => {
    const old = site.owner;
    site.current = undefined;
    const next = await site.next();
    const sealing = old.endApp().then(() => old.order("seal"));
    await cutOff(next, Promise.resolve(), 60, random);
    await sealing;
    await takesBack(site, old);
  },
  state: taker((next, random) => cutOff(next, next.takeOver(), 600, random)),
  prepare: taker(async (next, random) => {
    await next.takeOver();
    await next.ship();
    await next.order(MARK);
    await cutOff(next, next.sql(MIGRATION), 300, random);
  }),
  app: taker(async (next, random) => {
    await tries(next);
    await cutOff(next, next.serve(), 500, random);
  }),
  healthy: taker(async (next) => {
    await next.takeOver();
    await next.ship();
    await next.serve();
    await next.destroy();
  }),
  "self-probe": taker(async (next, random) => {
    await next.takeOver();
    await next.ship();
    await next.serve();
    await cutOff(next, next.ask("GET", "/"), 20, random);
  }),
  open: taker(async (next, random) => {
    await next.takeOver();
    await next.ship();
    await next.serve();
    await cutOff(next, next.order("open"), 80, random);
  }),
  ownership: async (site, random) => {
    const old = await seals(site);
    const next = await site.next();
    await next.takeOver();
    await next.ship();
    await next.serve();
    await next.order("open");
    // What it acknowledges counts, wherever the records lead.
    site.current = next;
    await systemClock.sleep(200 + 600 * random());
    site.current = undefined;
    await next.destroy();
    await takesBack(site, old);
  },
};

export const yielding: Readonly<Record<YieldStep, Play>> = {
  hold: async (site) => {
    await site.cutPower();
    await site.take();
  },
  seal: async (site, random) => {
    const old = site.owner;
    site.current = undefined;
    await cutOff(
      old,
      old.endApp().then(() => old.order("seal")),
      300,
      random,
    );
    await site.take();
  },
  "pass on": async (site) => {
    const old = await seals(site);
    const taken = site.take();
    await old.destroy();
    await taken;
  },
  "claim back": goingBack((old) => old.destroy()),
  "fence back": goingBack((old, site, random) => cutOff(old, old.goBack(site.newEpoch()), 400, random)),
  start: goingBack(async (old, site, random) => {
    await old.goBack(site.newEpoch());
    await cutOff(old, old.ship(), 300, random);
  }),
  "open again": goingBack(async (old, site, random) => {
    await old.goBack(site.newEpoch());
    await old.ship();
    await old.serve();
    await cutOff(old, old.order("open"), 80, random);
  }),
  "let go": async (site, random) => {
    const old = await seals(site);
    await takesBack(site, old);
    await systemClock.sleep(300 * random());
    await site.cutPower();
    await site.take();
  },
};

/** Each step of the code's own list, with the play in which a machine is gone at it. */
export const deaths: readonly { step: Step; play: Play }[] = [
  ...Object.entries(taking),
  ...Object.entries(yielding),
].map(([step, play]) => ({ step: step as Step, play }));
