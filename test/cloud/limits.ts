import * as freeTier from "./limits/free-tier.ts";
import * as quotas from "./limits/service-quotas.ts";
import { AwsError, type WireServer } from "./wire/server.ts";

/** What AWS starts in an account; settable at any time. */
export interface AccountLimits {
  /** "FREE": only types that are eligible for the free tier. Undefined: an account from before there were plans. */
  plan: "FREE" | "PAID" | undefined;
  /** By code: vCPUs of spot and of on-demand instances, VPCs. Those of a new account are 5 each. */
  readonly quotas: Map<string, number>;
}

export const SPOT_VCPUS = "L-34B43A08";
export const ON_DEMAND_VCPUS = "L-1216C47A";
export const VPCS = "L-F678F1CE";

/** An account that has been there for a while. */
export const amply = (): AccountLimits => ({
  plan: "PAID",
  quotas: new Map([
    [SPOT_VCPUS, 64],
    [ON_DEMAND_VCPUS, 64],
    [VPCS, 20],
  ]),
});

/** Service Quotas and the Free Tier API, as far as one looks there before one makes anything. */
export function serveLimits(wire: WireServer, limits: AccountLimits, account: string): void {
  wire.use(quotas, "servicequotas").use(freeTier, "freetier");
  wire.on("servicequotas", "GetServiceQuota", (input: { ServiceCode: string; QuotaCode: string }) => {
    const Value = limits.quotas.get(input.QuotaCode);
    if (Value === undefined || input.ServiceCode !== (input.QuotaCode === VPCS ? "vpc" : "ec2"))
      throw new AwsError(
        "NoSuchResourceException",
        "The request failed because the resource does not exist.",
      );
    return { Quota: { ServiceCode: input.ServiceCode, QuotaCode: input.QuotaCode, Value, Adjustable: true } };
  });
  wire.on("freetier", "GetAccountPlanState", () => {
    if (limits.plan === undefined)
      throw new AwsError("ResourceNotFoundException", "The account has no plan.", 404);
    return { accountId: account, accountPlanType: limits.plan, accountPlanStatus: "ACTIVE" };
  });
}
