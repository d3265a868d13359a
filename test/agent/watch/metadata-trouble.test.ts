import { afterEach, beforeEach, expect, test } from "vitest";
import { createMetadata } from "../../../agent/aws/imds.ts";
import { Rounds } from "../../../agent/system/rounds.ts";
import type { WatchEvent } from "../../../agent/watch/events.ts";
import { interruptionWatcher } from "../../../agent/watch/interruption.ts";
import { watch } from "../../../agent/watch/loop.ts";
import type { InstanceView } from "../../cloud/ec2/instance-view.ts";
import { type Imds, type ImdsFault, startImds } from "../../cloud/imds.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { Traffic } from "../../cloud/traffic.ts";

/** Of an answer within the first there is no doubt on a loaded machine: one that is late is asked for again. */
const PATIENCE = [100, 10_000];
let clock: ManualClock;
let traffic: Traffic;
let spot: Date | undefined;
let imds: Imds;
let stop: AbortController;
let watching: Promise<void>;
const events: WatchEvent[] = [];
const troubles: (string | undefined)[] = [];

const view: InstanceView = {
  ...{
    instanceId: "i-0123456789abcdef0",
    imageId: "ami-1",
    instanceType: "t3.micro",
    architecture: "x86_64",
  },
  ...{ region: "us-east-1", availabilityZone: "us-east-1b", availabilityZoneId: "use1-az2" },
  ...{ accountId: "123456789012", reservationId: "r-1", lifecycle: "spot", hostname: "ip-1.ec2.internal" },
  ...{ privateAddress: "127.0.1.7", publicAddress: "127.0.1.7", subnetId: "subnet-1", vpcId: "vpc-1" },
  ...{ securityGroups: [], userData: undefined, profile: undefined },
  metadata: { enabled: true, tokens: "required", hopLimit: 1, tags: true },
  tags: () => ({}),
  spotAction: () => spot && { action: "terminate", time: spot },
  rebalance: () => undefined,
  credentials: () => undefined,
};

/** The real metadata service and the agent's own loop. */
beforeEach(async () => {
  clock = new ManualClock();
  traffic = new Traffic();
  spot = undefined;
  events.length = 0;
  troubles.length = 0;
  stop = new AbortController();
  imds = await startImds(view, { port: 0, host: "127.0.0.1" });
  watching = watch([interruptionWatcher(createMetadata(imds.url, PATIENCE))], {
    ...{ clock, rounds: new Rounds(), signal: stop.signal },
    onEvent: async (event) => void events.push(event),
    onTrouble: (_, message) => void troubles.push(message),
  });
  await looks(2);
});
afterEach(async () => {
  stop.abort();
  await watching;
  await imds.close();
  traffic.stop();
});

/** Waits until the loop has looked so many times more. */
async function looks(count: number): Promise<void> {
  const asked = () => imds.requests.filter((r) => r.path.endsWith("spot/instance-action")).length;
  const until = asked() + count;
  while (asked() < until) await clock.advance(5_000, () => traffic.quiet());
}

async function noticed(): Promise<WatchEvent[]> {
  spot = new Date("2026-11-21T12:02:00Z");
  await looks(2);
  return events;
}

const notice = { kind: "interruption", action: "terminate", time: Date.UTC(2026, 10, 21, 12, 2) };

test.each<[string, ImdsFault, RegExp]>([
  ["500", { status: 500 }, /spot\/instance-action: HTTP 500/],
  ["503", { status: 503 }, /HTTP 503/],
  ["nonsense", { body: "<html>please log in</html>" }, /answered .* with "<html>please log in/],
  ["JSON of another form", { body: '{"action":"terminate","time":"soon"}' }, /answered .*soon/],
  ["an empty page", { body: "" }, /answered .* with ""/],
  ["a connection that is cut", { drop: true }, /instance metadata service/],
])("%s: no false interruption, one clear line, and the real notice is still seen", async (_, fault, line) => {
  imds.faults.push({ path: /instance-action/, times: 4, ...fault });
  await looks(8);
  expect(events).toEqual([]);
  expect(troubles[0]).toMatch(line);
  expect(troubles.filter((t) => t !== undefined)).toHaveLength(1);
  expect(troubles.at(-1)).toBeUndefined();
  expect(await noticed()).toEqual([notice]);
});

test("401 on an expired token is a new token and nothing more", async () => {
  imds.faults.push({ path: /instance-action/, times: 1, status: 401 });
  await looks(4);
  expect(imds.requests.filter((r) => r.method === "PUT")).toHaveLength(2);
  expect(troubles).toEqual([]);
  expect(await noticed()).toEqual([notice]);
});

test("401 again and again is trouble, and the loop goes on", async () => {
  imds.faults.push({ path: /instance-action/, times: 6, status: 401 });
  await looks(10);
  expect(events).toEqual([]);
  expect(troubles[0]).toMatch(/instance-action: HTTP 401/);
  expect(await noticed()).toEqual([notice]);
});

test("no token to be had is trouble of its own", async () => {
  imds.faults.push({ path: /instance-action/, times: 1, status: 401 });
  imds.faults.push({ path: /api\/token/, times: 2, status: 500 });
  await looks(4);
  expect(troubles[0]).toMatch(/api\/token: HTTP 500/);
  expect(await noticed()).toEqual([notice]);
});

test("a slow answer is an answer; one that takes too long is asked for again", async () => {
  imds.faults.push({ path: /instance-action/, times: 1, delay: 20 });
  await looks(3);
  imds.faults.push({ path: /instance-action/, times: 1, delay: 60_000 });
  await looks(3);
  expect(troubles).toEqual([]);
  expect(await noticed()).toEqual([notice]);
}, 20_000);

test("a service that stays silent is given up", async () => {
  imds.faults.push({ path: /instance-id/, times: 2, delay: 60_000 });
  const asked = createMetadata(imds.url, [5, 10]).get("meta-data/instance-id");
  await expect(asked).rejects.toThrow("meta-data/instance-id: no answer to 2 requests");
});
