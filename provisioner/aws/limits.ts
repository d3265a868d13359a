/** What the account may start, before anything is: its plan, its quotas, and what runs already. Only reads. */
import {
  type _InstanceType,
  CreateVpcCommand,
  type EC2Client,
  type InstanceTypeInfo,
  paginateDescribeInstances,
  paginateDescribeInstanceTypes,
  paginateDescribeSpotInstanceRequests,
  paginateDescribeVpcs,
} from "@aws-sdk/client-ec2";
import * as z from "zod";
import { SITE_TAG } from "../../agent/site/names.ts";
import type { Clients } from "./clients.ts";
import { explain, FORBIDDEN, hasCode } from "./errors.ts";
import { gather } from "./network-look.ts";
import { siteTags, tagOf } from "./tags.ts";

export interface LimitsSeen {
  /** "free": only types that are eligible for the free tier start. Undefined where that could not be read. */
  plan: "free" | "paid" | undefined;
  /** Those asked for that the region offers: vCPUs, and whether they are eligible for the free tier. */
  types: readonly { type: string; vcpus: number; free: boolean }[];
  spot: VcpuQuota;
  onDemand: VcpuQuota;
  /** How many there are in the region, and may be. */
  vpcs: { quota: number | undefined; there: number | undefined };
  /** Why no VPC may be made, in AWS's words; undefined when one may, or when that was not asked. */
  denied: string | undefined;
  /** What could not be read, each with the reason. */
  unread: readonly string[];
}

export interface VcpuQuota {
  quota: number | undefined;
  /** vCPUs of instances that are not the site's, in the families that the quota counts. */
  others: number | undefined;
  /**
   * vCPUs of spot requests without an instance, whoever's: those of instances that ended count until AWS has closed them
   * (EC2 User Guide, "Spot Instance quotas"). Undefined where that could not be read, or does not apply.
   */
  held: number | undefined;
}

export interface Limits {
  /** @param asks.begins whether the site's network is still to be made. @returns what could be read. */
  look(asks: { site: string; types: readonly string[]; begins: boolean }): Promise<LimitsSeen>;
}

/** Codes: Service Quotas console; vCPUs of the families A, C, D, H, I, M, R, T and Z together, and VPCs of a region. */
const QUOTAS = {
  spot: ["ec2", "L-34B43A08"],
  onDemand: ["ec2", "L-1216C47A"],
  vpcs: ["vpc", "L-F678F1CE"],
} as const;
const isStandard = (type: string): boolean => /^[acdhimrtz]\d/.test(type);

const quotaAnswer = z.object({ Quota: z.object({ Value: z.number() }) });
const planAnswer = z.object({ accountPlanType: z.string() });

export function createLimits({
  ec2,
  serviceQuotas,
  freeTier,
}: Pick<Clients, "ec2" | "serviceQuotas" | "freeTier">): Limits {
  return {
    async look({ site, types, begins }) {
      const unread: string[] = [];
      const read = <T>(doing: string, run: () => Promise<T>): Promise<T | undefined> =>
        run().catch((error: unknown) => {
          unread.push(explain(doing, error).message);
          return undefined;
        });
      const quota = async ([ServiceCode, QuotaCode]: readonly [string, string]) =>
        quotaAnswer.parse(await serviceQuotas("GetServiceQuota", { ServiceCode, QuotaCode })).Quota.Value;
      const [plan, spot, onDemand, vpcs, alive, requests, there, denied] = await Promise.all([
        read("reading the account's plan", () => planOf(freeTier)),
        read("reading the quota of spot instances", () => quota(QUOTAS.spot)),
        read("reading the quota of on-demand instances", () => quota(QUOTAS.onDemand)),
        read("reading the quota of VPCs", () => quota(QUOTAS.vpcs)),
        read("looking at the account's instances", () => aliveIn(ec2)),
        read("looking at the account's spot requests", () => openRequests(ec2)),
        read("looking at the account's VPCs", async () => (await vpcsOf(ec2)).length),
        begins ? refusalToBegin(ec2, site) : undefined,
      ]);
      const known = await read("looking at instance types", () =>
        infoOf(ec2, [...types, ...[...(alive ?? []), ...(requests ?? [])].map((i) => i.type)]),
      );
      const vcpusOf = (type: string) => known?.get(type)?.VCpuInfo?.DefaultVCpus ?? 2;
      const sum = (of: readonly { type: string }[] | undefined) =>
        of?.filter((i) => isStandard(i.type)).reduce((all, i) => all + vcpusOf(i.type), 0);
      const others = (spot: boolean) =>
        sum(alive?.filter((i) => i.spot === spot && i.site !== site && i.counts));
      const has = new Set(alive?.map((i) => i.id));
      const held = alive && requests?.filter((r) => r.instance === undefined || !has.has(r.instance));
      return {
        plan,
        types: types.flatMap((type) => {
          const info = known?.get(type);
          return info === undefined
            ? []
            : [{ type, vcpus: vcpusOf(type), free: info.FreeTierEligible === true }];
        }),
        spot: { quota: spot, others: others(true), held: sum(held) },
        onDemand: { quota: onDemand, others: others(false), held: undefined },
        vpcs: { quota: vpcs, there },
        denied,
        unread,
      };
    },
  };
}

/** Accounts from before July 2025 have no plan; all that is paid for starts there. */
async function planOf(freeTier: Clients["freeTier"]): Promise<"free" | "paid"> {
  try {
    const { accountPlanType } = planAnswer.parse(await freeTier("GetAccountPlanState", {}));
    return accountPlanType === "FREE" ? "free" : "paid";
  } catch (error) {
    if (hasCode(error, "ResourceNotFound")) return "paid";
    throw error;
  }
}

interface AliveInstance {
  id: string;
  type: string;
  spot: boolean;
  site: string | undefined;
  /** Those that end count as well, until they are gone; those that are stopped do not. */
  counts: boolean;
}

async function aliveIn(ec2: EC2Client): Promise<AliveInstance[]> {
  const Values = ["pending", "running", "shutting-down", "stopping", "stopped"];
  const Filters = [{ Name: "instance-state-name", Values }];
  const found = await gather(paginateDescribeInstances({ client: ec2 }, { Filters }), (page) =>
    page.Reservations?.flatMap((r) => r.Instances ?? []),
  );
  return found.map((i) => ({
    ...{ id: i.InstanceId ?? "", type: i.InstanceType ?? "", spot: i.InstanceLifecycle === "spot" },
    ...{ site: tagOf(i.Tags, SITE_TAG), counts: i.State?.Name !== "stopped" },
  }));
}

async function openRequests(ec2: EC2Client): Promise<{ instance: string | undefined; type: string }[]> {
  const Filters = [{ Name: "state", Values: ["open", "active"] }];
  const found = await gather(
    paginateDescribeSpotInstanceRequests({ client: ec2 }, { Filters }),
    (page) => page.SpotInstanceRequests,
  );
  return found.map((r) => ({ instance: r.InstanceId, type: r.LaunchSpecification?.InstanceType ?? "" }));
}

const vpcsOf = (ec2: EC2Client) => gather(paginateDescribeVpcs({ client: ec2 }, {}), (page) => page.Vpcs);

/** By name; those that the region does not have are left out. */
async function infoOf(ec2: EC2Client, types: readonly string[]): Promise<Map<string, InstanceTypeInfo>> {
  const Filters = [{ Name: "instance-type", Values: [...new Set(types)] as _InstanceType[] }];
  const found = await gather(
    paginateDescribeInstanceTypes({ client: ec2 }, { Filters }),
    (page) => page.InstanceTypes,
  );
  return new Map(found.map((info) => [info.InstanceType ?? "", info]));
}

/** EC2 can be asked whether it would: what an organization forbids shows there too. */
async function refusalToBegin(ec2: EC2Client, site: string): Promise<string | undefined> {
  try {
    const TagSpecifications = [{ ResourceType: "vpc" as const, Tags: siteTags(site) }];
    await ec2.send(new CreateVpcCommand({ CidrBlock: "10.80.0.0/16", TagSpecifications, DryRun: true }));
  } catch (error) {
    if (hasCode(error, "UnauthorizedOperation") && FORBIDDEN.test((error as Error).message))
      return (error as Error).message;
  }
  return undefined;
}
