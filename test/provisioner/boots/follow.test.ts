import { expect, test } from "vitest";
import { keys } from "../../../agent/site/names.ts";
import type { Aws } from "../../../provisioner/aws/connect.ts";
import type { InstanceSeen } from "../../../provisioner/aws/instances.ts";
import { followBoot, type Judge } from "../../../provisioner/boots/follow.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const instance = (id: string, state = "running"): InstanceSeen => ({
  ...{ id, state, alive: state === "running", type: "t3.micro", zone: "a", image: "ami-1", spot: true },
  ...{
    launched: new Date(0),
    address: undefined,
    privateAddress: undefined,
    templateVersion: 1,
    fleet: "fleet-1",
  },
});
const record = (id: string) =>
  JSON.stringify({
    ...{ version: 2, site: "blog", instance: id, bootId: "b", attempt: 1, agent: "a", state: "booting" },
    ...{ started: "2026-11-21T10:00:00.000Z", updated: "2026-11-21T10:00:08.000Z", steps: [], warnings: [] },
  });

/** EC2 answers these, one a look; the last stays. @returns what was answered, and whose records were judged. */
async function follow(answers: InstanceSeen[][], before: string[] = [], seconds = 25) {
  const clock = new ManualClock();
  const told: string[] = [];
  const judged: string[] = [];
  let looks = 0;
  const aws = {
    instances: {
      look: async () => {
        looks++;
        return (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
      },
    },
    fleets: { history: async () => [] },
    store: {
      get: async (key: string) => ({ body: new TextEncoder().encode(record(key.slice(6, -5))), etag: "" }),
    },
  } as unknown as Aws;
  const judge: Judge = {
    waitsFor: { what: "it", hint: "" },
    judge: (boot) => {
      judged.push(boot.instance);
      return undefined;
    },
    noInstance: (reason) => new Error(reason) as never,
  };
  const options = { fleet: "fleet-1", since: new Date(0), seconds, clock, before: new Set(before) };
  const tell = (text: string) => void told.push(text.trim());
  const ended = followBoot(aws, { ...options, say: tell, warn: tell }, judge).catch(() => undefined);
  await clock.advance((seconds + 5) * 1000);
  await ended;
  return { told, judged: [...new Set(judged)], looks };
}
const launched = (id: string) => `${id} (t3.micro in a) was launched`;

test("an instance that some answers of EC2 do not show is followed on", async () => {
  const [old, fresh] = [instance("i-old"), instance("i-new")];
  expect(keys.boot("i-new")).toBe("boots/i-new.json");
  const { told, judged } = await follow(
    [[fresh, old], [old], [], [fresh, old], [old], [fresh, old]],
    ["i-old"],
  );
  expect(told).toEqual([launched("i-new")]);
  expect(judged).toEqual(["i-new"]);
});

test("what brings nothing for a minute is looked at every five seconds only", async () => {
  // The first minute, each second of it; four more; and once more in the end.
  expect((await follow([[]], [], 300)).looks).toBe(60 + 48 + 1);
  // Whoever speaks is followed closely.
  expect((await follow([[instance("i-new")]], [], 300)).looks).toBe(301);
});

test("one that is missing for long, or has ended, is gone", async () => {
  const fresh = instance("i-new");
  expect((await follow([[fresh], []])).told).toEqual([launched("i-new"), "i-new is gone"]);
  const ending = instance("i-new", "shutting-down");
  const ended = await follow([[fresh], [ending], [instance("i-next"), ending]]);
  expect(ended.told).toEqual([launched("i-new"), "i-new is gone", launched("i-next")]);
});
