import { EC2Client } from "@aws-sdk/client-ec2";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createCreditMode } from "../../../agent/aws/credits.ts";
import { type Account, secondsToStandard, settleCredits } from "../../../agent/duty/credits.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { ARM_IMAGE, type Ec2Site, startEc2Site } from "../../cloud/ec2-site.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const boot: Account = { type: "t3.micro", credits: "boot", booting: false, age: 60, spent: 10 };

test.each<[string, Partial<Account>, number | undefined]>([
  // A t3.micro earns 0.2 s of processor a second, and 10 s were spent before its kernel could count.
  ["earns it back", {}, 40],
  ["has earned it back", { age: 100 }, 0],
  ["has earned more than that", { age: 1000 }, 0],
  ["does not stop before it has booted", { booting: true, age: 100 }, 3500],
  ["but an hour after its start whatever comes", { booting: true, age: 3600 }, 0],
  ["is busy, and pays for the rest after an hour", { age: 3000, spent: 2000 }, 600],
  ["is busy, and an hour has passed", { age: 4000, spent: 8000 }, 0],
  ["is smaller, and earns less", { type: "t4g.nano" }, 140],
  ["is bigger, and earns more", { type: "t3a.small", age: 50 }, 0],
  ["has one processor", { type: "t2.micro" }, 140],
  ["is of a burstable type yet to come", { type: "t5g.odd" }, 140],
  ["has no credits", { type: "m7g.medium" }, undefined],
  ["is never to borrow", { credits: "standard", age: 1, booting: true }, 0],
  ["is to borrow always", { credits: "unlimited", age: 9999 }, undefined],
])("a machine that %s", (_, account, seconds) => {
  const left = secondsToStandard({ ...boot, ...account });
  if (seconds === undefined) expect(left).toBeUndefined();
  else expect(left).toBeCloseTo(seconds);
});

const log = pino({ level: "silent" });
const at = (clock: ManualClock, began = clock.now()) => (clock.now() - began) / 1000;

test("what it spends meanwhile puts the switch off; a refusal is tried again, ever more seldom", async () => {
  const clock = new ManualClock();
  const began = clock.now();
  const asked: number[] = [];
  const told: string[] = [];
  let spent = 2;
  let refusals = 3;
  const mode = {
    standard: async () => {
      asked.push(at(clock, began));
      if (refusals-- > 0) throw new EverspotError("no", { retry: "retry" });
    },
  };
  const account = () => ({ ...boot, age: at(clock, began), spent });
  const done = settleCredits(
    account,
    mode,
    (text) => told.push(text),
    clock,
    log,
    new AbortController().signal,
  );
  await clock.advance(59_000);
  spent = 10;
  await clock.advance(40_000);
  expect(asked).toEqual([]);
  await clock.advance(400_000);
  await done;
  expect(asked).toEqual([100, 130, 190, 310]);
  expect(told).toEqual([expect.stringMatching(/^CPU credits are standard from here on, 310 s .*: 10 s of/)]);
});

test("a refusal for good ends it; a stop does", async () => {
  const clock = new ManualClock();
  let asked = 0;
  const mode = {
    standard: async () => {
      asked++;
      throw new EverspotError("of a type without");
    },
  };
  const stop = new AbortController();
  const begin = () =>
    settleCredits(
      () => ({ ...boot, spent: 0 }),
      mode,
      () => {},
      clock,
      log,
      stop.signal,
    );
  const refused = begin();
  await clock.advance(30_000);
  await refused;
  expect(asked).toBe(1);
  const stopped = begin();
  stop.abort(new Error("SIGTERM"));
  await expect(stopped).rejects.toThrow("SIGTERM");
});

let site: Ec2Site;
beforeEach(async () => {
  site = await startEc2Site();
});
afterEach(() => site.cloud.close());

test("an instance that EC2 names among those that failed has not been switched", async () => {
  const launch = async (InstanceType: "t4g.micro" | "m7g.medium") => {
    const run = { ImageId: ARM_IMAGE, InstanceType, MinCount: 1, MaxCount: 1 };
    return (await site.ec2.runInstances(run)).Instances?.[0]?.InstanceId ?? "";
  };
  const client = new EC2Client({ endpoint: site.cloud.endpoint, region: site.cloud.region, maxAttempts: 1 });
  const burstable = await launch("t4g.micro");
  await createCreditMode(client, burstable).standard();
  const { InstanceCreditSpecifications } = await site.ec2.describeInstanceCreditSpecifications({
    InstanceIds: [burstable],
  });
  expect(InstanceCreditSpecifications).toEqual([{ InstanceId: burstable, CpuCredits: "standard" }]);
  await expect(createCreditMode(client, await launch("m7g.medium")).standard()).rejects.toMatchObject({
    message: expect.stringContaining("NotSupported"),
    retry: "fatal",
  });
  await expect(createCreditMode(client, "i-0123456789abcdef0").standard()).rejects.toMatchObject({
    message: expect.stringContaining("InvalidInstanceID.NotFound"),
    retry: "retry",
  });
});
