/** What one instance tells, which a fleet launches with a profile that was made the moment before. */
import {
  DescribeFleetHistoryCommand,
  DescribeFleetInstancesCommand,
  DescribeInstancesCommand,
  DescribeSpotInstanceRequestsCommand,
  GetConsoleOutputCommand,
} from "@aws-sdk/client-ec2";
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
} from "@aws-sdk/client-iam";
import { type Question, unknown } from "./question.ts";
import { NAME, type Scene, TAG } from "./scene.ts";

const NO_INSTANCE = "no instance came";

/** Minutes from the start of user data until the instance switches itself off. */
const OFF_MINUTES = 4;

/** User and system, and what was stolen, in hundredths of a second, of all processors together (proc_stat(5)). */
const STAT = `awk '/^cpu /{print "${NAME}: stat", $2 + $3 + $4, $9}' /proc/stat`;

/**
 * Says on the console how long the same work takes, and how much processor time it had: it needs neither network nor
 * package. Half a minute at most on a whole processor.
 */
export const USER_DATA = `#!/bin/bash
TIMEFORMAT='${NAME}: burn %R %U'
systemd-run --on-active=${OFF_MINUTES * 60} systemctl poweroff
{
  ${STAT}
  for round in 1 2 3 4 5 6; do
    time for ((i = 0; i < 400000; i++)); do :; done
  done
  ${STAT}
  echo '${NAME}: end'
} >/dev/console 2>&1
`;

const freshProfile: Question = {
  id: "fresh-profile",
  asks: "Does a fleet refuse an instance profile that was made just before, and for how long?",
  ask: async (scene, found) => {
    const { version } = await scene.template({
      IamInstanceProfile: { Name: NAME },
      UserData: Buffer.from(USER_DATA).toString("base64"),
      CreditSpecification: { CpuCredits: "standard" },
    });
    await makeProfile(scene);
    const began = scene.clock.now();
    const fleet = await scene.fleet(version, 1);
    const since = (at: number) => Math.round((at - began) / 1000);
    const events = new Set<string>();
    const id = await scene.until(330, async () => {
      for (const event of await history(scene, fleet, began)) events.add(event);
      const member = await memberOf(scene, fleet);
      return member === undefined ? { waiting: "no instance yet" } : { done: member };
    });
    const refused = [...events].some((e) => /Invalid IAM Instance Profile/i.test(e));
    const facts = { seconds: since(scene.clock.now()), events: [...events].join(" | ") };
    if (id === undefined) return { answer: refused ? "refused" : "unknown", facts };
    found.instance = { id, fleet, launched: scene.clock.now() };
    // It is not to be replaced when it switches itself off.
    await scene.modify(fleet, { TargetCapacitySpecification: { TotalTargetCapacity: 0 } });
    return { answer: refused ? "refused" : "accepted", facts };
  },
};

async function makeProfile({ clients: { iam } }: Scene): Promise<void> {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
  };
  const Tags = [{ Key: TAG, Value: "yes" }];
  const profile = { InstanceProfileName: NAME };
  await iam.send(
    new CreateRoleCommand({ RoleName: NAME, AssumeRolePolicyDocument: JSON.stringify(trust), Tags }),
  );
  await iam.send(new CreateInstanceProfileCommand({ ...profile, Tags }));
  await iam.send(new AddRoleToInstanceProfileCommand({ ...profile, RoleName: NAME }));
}

async function history({ clients }: Scene, FleetId: string, since: number): Promise<string[]> {
  const StartTime = new Date(since - 60_000);
  const found = await clients.ec2
    .send(new DescribeFleetHistoryCommand({ FleetId, StartTime }))
    .catch(() => undefined);
  return (found?.HistoryRecords ?? []).map(
    ({ EventInformation: e }) => `${e?.EventSubType ?? ""} ${e?.EventDescription ?? ""}`,
  );
}

/** Undefined while there is none, or the fleet is not known by its id yet. */
async function memberOf({ clients }: Scene, FleetId: string): Promise<string | undefined> {
  const found = await clients.ec2.send(new DescribeFleetInstancesCommand({ FleetId })).catch(() => undefined);
  return found?.ActiveInstances?.[0]?.InstanceId;
}

const consoleOutput: Question = {
  id: "console",
  asks: "From how many seconds after a launch on does GetConsoleOutput show what user data printed?",
  ask: async (scene, found) => {
    const { instance } = found;
    if (instance === undefined) return unknown(NO_INSTANCE);
    let first: number | undefined;
    const seconds = () => Math.round((scene.clock.now() - instance.launched) / 1000);
    const all = await scene.until(OFF_MINUTES * 60 - 30, async () => {
      const read = new GetConsoleOutputCommand({ InstanceId: instance.id, Latest: true });
      const { Output } = await scene.clients.ec2.send(read);
      const text = Buffer.from(Output ?? "", "base64").toString();
      if (text !== "") {
        first ??= seconds();
        found.console = text;
      }
      return text.includes(`${NAME}: end`) ? { done: text } : { waiting: `${text.length} characters` };
    });
    if (first === undefined) return { answer: "nothing", facts: { waitedSeconds: seconds() } };
    return {
      answer: all === undefined ? "unknown" : "shown",
      facts: { firstAfterSeconds: first, allAfterSeconds: seconds() },
    };
  },
};

const BURN = new RegExp(`${NAME}: burn (\\d+[.,]\\d+) (\\d+[.,]\\d+)`, "g");

/** Less than this may be other work's doing. */
const BRAKED_SECONDS = 5;

const burnsIn = (console: string | undefined): { wall: number; cpu: number }[] =>
  [...(console ?? "").matchAll(BURN)].map(([, wall = "0", cpu = "0"]) => ({
    wall: Number(wall.replace(",", ".")),
    cpu: Number(cpu.replace(",", ".")),
  }));

const launchCredits: Question = {
  id: "launch-credits",
  asks: "Is a T3 instance in `standard` mode braked from its first second on, for want of credits?",
  ask: async (_, { console }) => {
    const burns = burnsIn(console);
    const [first, last] = [burns[0], burns.at(-1)];
    if (first === undefined || last === undefined) return unknown("its console shows no figures");
    const ratio = (b: typeof first) => Number((b.wall / Math.max(b.cpu, 0.01)).toFixed(1));
    return {
      answer: ratio(last) > 1.7 ? "yes" : "no",
      facts: { rounds: burns.length, firstWallPerCpu: ratio(first), lastWallPerCpu: ratio(last) },
    };
  },
};

const STATS = new RegExp(`${NAME}: stat (\\d+) (\\d+)`, "g");
/** Of the kernel: hundredths of a second. */
const TICKS = 100;

const stolen: Question = {
  id: "stolen",
  asks: "Does what a T3 instance is kept from for want of credits stand in /proc/stat, as stolen?",
  ask: async (_, { console }) => {
    const [from, to] = [...(console ?? "").matchAll(STATS)].map(([, used, steal]) => ({
      used: Number(used) / TICKS,
      steal: Number(steal) / TICKS,
    }));
    if (from === undefined || to === undefined) return unknown("its console shows no figures");
    const burns = burnsIn(console);
    const kept = burns.reduce((sum, b) => sum + b.wall - b.cpu, 0);
    const facts = {
      usedSeconds: Math.round(to.used - from.used),
      keptFromSeconds: Math.round(kept),
      stolenSeconds: Math.round(to.steal - from.steal),
    };
    if (kept < BRAKED_SECONDS) return { answer: "unknown", facts: { ...facts, why: "it was not braked" } };
    return { answer: to.steal - from.steal > kept / 2 ? "yes" : "no", facts };
  },
};

const shutdown: Question = {
  id: "shutdown",
  asks: "Is a fleet's spot instance that switches itself off terminated, as its template says?",
  ask: async (scene, { instance }) => {
    if (instance === undefined) return unknown(NO_INSTANCE);
    const state = async () => {
      const read = new DescribeInstancesCommand({ InstanceIds: [instance.id] });
      return (await scene.clients.ec2.send(read)).Reservations?.[0]?.Instances?.[0];
    };
    const over = await scene.until(OFF_MINUTES * 60 + 90, async () => {
      const now = await state();
      const name = now?.State?.Name ?? "gone";
      return name === "terminated" || name === "stopped" ? { done: now } : { waiting: name };
    });
    if (over === undefined) return unknown(`it is ${(await state())?.State?.Name ?? "gone"}`);
    return { answer: over.State?.Name ?? "", facts: { reason: over.StateReason?.Code ?? "" } };
  },
};

/** Seconds for the spot request of an instance that ended to be closed. */
const CLOSES = 180;

const requestCloses: Question = {
  id: "request-closes",
  asks: "For how long after its end does the spot request of an instance stay open, which counts against the quota?",
  ask: async (scene, { instance }) => {
    if (instance === undefined) return unknown(NO_INSTANCE);
    const began = scene.clock.now();
    const Filters = [{ Name: "instance-id", Values: [instance.id] }];
    let seen = "none";
    const closed = await scene.until(CLOSES, async () => {
      const read = new DescribeSpotInstanceRequestsCommand({ Filters });
      const [request] = (await scene.clients.ec2.send(read)).SpotInstanceRequests ?? [];
      seen = `${request?.State ?? "none"}, ${request?.Status?.Code ?? ""}`;
      return /^(open|active)/.test(seen) ? { waiting: seen } : { done: true };
    });
    const seconds = Math.round((scene.clock.now() - began) / 1000);
    return { answer: closed === true ? "closed" : "open", facts: { afterSeconds: seconds, seen } };
  },
};

export const ofInstances = [freshProfile, consoleOutput, launchCredits, stolen, shutdown, requestCloses];
