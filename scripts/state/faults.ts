import { systemClock } from "../../agent/site/clock.ts";
import { AwsError, type Disturbance, slowDown } from "../../test/cloud/wire/server.ts";
import { deaths } from "./deaths.ts";
import type { StateSite } from "./site.ts";

/** Something bad that happens to a site. */
export interface Fault {
  name: string;
  needs?: "a disk of its own";
  /** @param random from 0 to 1. @returns seconds until another owner was open, if it came to that. */
  play(site: StateSite, random: () => number): Promise<{ taken?: number }>;
}

const conflict = () =>
  new AwsError("ConditionalRequestConflict", "A conflicting conditional operation is under way.", 409);

/** The next PUTs of some seconds, each in the same way. */
const puts =
  (count: number, disturbance: () => Disturbance): Fault["play"] =>
  async (site, random) => {
    for (let nth = 1; nth <= count; nth++) site.bucket.server.disturb("s3", "PutObject", disturbance(), nth);
    await systemClock.sleep(500 + 1500 * random());
    return {};
  };

const cut = async (site: StateSite) => {
  await site.cutPower();
  return { taken: await site.take() };
};

/** Of the machine, whose place is taken meanwhile; then it goes on as if nothing had happened. */
const zombie: Fault["play"] = async (site, random) => {
  const old = site.owner;
  old.signal("SIGSTOP");
  site.current = undefined;
  const visits = site.visitOnly(old, 2 + random());
  const taken = await site.take();
  old.signal("SIGCONT");
  await visits;
  await old.destroy();
  return { taken };
};

/** Of one instance from S3, while the others reach it; its place is taken, and then it reaches S3 again. */
const partition: Fault["play"] = async (site, random) => {
  const old = site.owner;
  old.line?.cut();
  old.stopped = true;
  site.current = undefined;
  const visits = site.visitOnly(old, 2 + random());
  const taken = await site.take();
  old.line?.mend();
  await visits;
  await old.destroy();
  return { taken };
};

export const faults: readonly Fault[] = [
  { name: "power cut", play: cut },
  { name: "zombie", play: zombie },
  { name: "the owner alone is cut off from S3, and is back when another has the site", play: partition },
  ...deaths.map(
    ({ step, play }): Fault => ({
      name: `a machine is gone at "${step}"`,
      play: async (site, random) => {
        await play(site, random);
        return {};
      },
    }),
  ),
  {
    name: "everything stands still and goes on",
    play: async (site, random) => {
      site.owner.signal("SIGSTOP");
      await systemClock.sleep(500 + 3000 * random());
      site.owner.signal("SIGCONT");
      return {};
    },
  },
  {
    name: "shipper killed",
    play: async (site, random) => {
      site.owner.signal("SIGKILL", "shipper");
      await systemClock.sleep(1000 * random());
      await site.owner.ship();
      return {};
    },
  },
  {
    name: "app killed",
    play: async (site) => {
      await site.owner.killApp();
      return {};
    },
  },
  { name: "S3 answers 503", play: puts(3, () => ({ error: slowDown() })) },
  { name: "S3 answers 409", play: puts(2, () => ({ error: conflict() })) },
  { name: "replies are lost", play: puts(2, () => ({ loseReply: true })) },
  { name: "requests are lost", play: puts(2, () => ({ loseRequest: true })) },
  { name: "a slow S3", play: puts(2, () => ({ delayMs: 1_200 })) },
  {
    name: "S3 accepts and never answers, and then the power is cut",
    play: async (site, random) => {
      site.bucket.server.silence("s3");
      await systemClock.sleep(1000 + 3000 * random());
      const cutting = site.cutPower();
      site.bucket.server.speak("s3");
      await cutting;
      return { taken: await site.take() };
    },
  },
  {
    name: "S3 accepts and never answers for a while",
    play: async (site, random) => {
      site.bucket.server.silence("s3");
      await systemClock.sleep(1000 + 3000 * random());
      site.bucket.server.speak("s3");
      return {};
    },
  },
  {
    name: "the newest base is cut off, and then the power",
    play: async (site) => {
      await site.damageNewestBase();
      return cut(site);
    },
  },
  {
    name: "the disk is full for a while",
    needs: "a disk of its own",
    play: async (site, random) => {
      await site.owner.fillDisk();
      await systemClock.sleep(500 + 1500 * random());
      await site.owner.freeDisk();
      return {};
    },
  },
  {
    name: "a clock that is five minutes wrong, and then the power is cut",
    play: async (site, random) => {
      await site.cutPower();
      const taken = await site.take({ clock: random() < 0.5 ? -300 : 300 });
      return { taken };
    },
  },
];
