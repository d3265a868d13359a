/** What scenarios of a hand-over with notice have in common. */
import {
  DescribeFleetsCommand,
  EC2Client,
  type FleetData,
  ModifyFleetCommand,
  paginateDescribeFleets,
  paginateDescribeInstances,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { BootRecord } from "../../agent/site/boot-record.ts";
import { isBridge } from "../../agent/site/change-fleet.ts";
import { poll } from "../../agent/site/poll.ts";
import type { Rehearsal } from "./rehearsal.ts";
import type { Result } from "./result.ts";

/** The events of the instance that handed over, in seconds after `since`; named alike in every rehearsal. */
export function figuresOf(record: BootRecord, since: number): Record<string, number> {
  const named = (text: string): string =>
    text.replace(/ (at|\(since) [0-9T:.-]+Z\)?/g, "").replace(/\bi-[0-9a-f]+/g, "the new one");
  return Object.fromEntries(
    (record.events ?? []).map(({ at, text }) => [
      `seconds until: ${named(text)}`,
      Math.round((Date.parse(at) - since) / 100) / 10,
    ]),
  );
}

/** Waits until the old instance forwards to the new owner, and notes when the events of the hand-over were. */
export async function untilForwarding(
  rehearsal: Rehearsal,
  result: Result,
  old: string,
  since: number,
): Promise<void> {
  const record = await poll(
    `${old} to forward`,
    async () => {
      const boot = await rehearsal.boot(old);
      return boot?.state === "forwarding" ? { done: boot } : { waiting: boot?.state ?? "no record" };
    },
    { seconds: 30, everySeconds: 0.2 },
  );
  rehearsal.moment(`${old} forwards to the new owner`);
  result.figures = { ...result.figures, ...figuresOf(record, since) };
}

export interface Capacity {
  /** Of the fleet of spot instances. */
  target: number;
  /** Of the one that bridges. */
  onDemand: number;
  /** Ids of those that are coming up or running. */
  alive: string[];
}

/** The site's fleet and instances, as EC2 has them. */
export async function capacity(rehearsal: Rehearsal): Promise<Capacity> {
  const client = clientOf(rehearsal);
  const alive: string[] = [];
  const states = [{ Name: "instance-state-name", Values: ["pending", "running"] }];
  for await (const page of paginateDescribeInstances({ client }, { Filters: states })) {
    alive.push(...(page.Reservations ?? []).flatMap((r) => r.Instances ?? []).map((i) => i.InstanceId ?? ""));
  }
  const fleets: FleetData[] = [];
  for await (const page of paginateDescribeFleets({ client }, {})) fleets.push(...(page.Fleets ?? []));
  const target = (bridge: boolean) =>
    fleets.find((f) => isBridge(f) === bridge)?.TargetCapacitySpecification?.TotalTargetCapacity;
  const spot = target(false);
  if (spot === undefined) throw new Error("the site has no fleet");
  return { target: spot, onDemand: target(true) ?? 0, alive };
}

/** Has the fleet want so many instances; none is ended for it. */
export async function target(rehearsal: Rehearsal, total: number): Promise<void> {
  const ec2 = clientOf(rehearsal);
  // One that is still changing refuses another change.
  const fleet = await poll(
    "the fleet to be active",
    async () => {
      const { Fleets } = await ec2.send(new DescribeFleetsCommand({}));
      const found = Fleets?.find((f) => f.FleetState === "active");
      return found === undefined
        ? { waiting: Fleets?.map((f) => f.FleetState).join() ?? "" }
        : { done: found };
    },
    { seconds: 60, everySeconds: 1 },
  );
  await ec2.send(
    new ModifyFleetCommand({
      FleetId: fleet.FleetId,
      ExcessCapacityTerminationPolicy: "no-termination",
      TargetCapacitySpecification: { TotalTargetCapacity: total },
    }),
  );
}

/** As somebody does in AWS's console. */
export async function terminate(rehearsal: Rehearsal, instance: string): Promise<void> {
  await clientOf(rehearsal).send(new TerminateInstancesCommand({ InstanceIds: [instance] }));
}

const clientOf = ({ cloud: { endpoint, region } }: Rehearsal) => new EC2Client({ endpoint, region });

/** Waits until the new owner has put everything in order: one instance, target one. */
export async function untilTidy(rehearsal: Rehearsal, owner: string, seconds: number): Promise<Capacity> {
  const left = await poll(
    "one instance and a target of one",
    async () => {
      const now = await capacity(rehearsal);
      return now.target === 1 && now.alive.join() === owner
        ? { done: now }
        : { waiting: `target ${now.target}, ${now.alive.length} instances` };
    },
    { seconds, everySeconds: 1 },
  );
  rehearsal.moment(`one instance, target ${left.target}`);
  return left;
}
