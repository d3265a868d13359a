import { check, type Mapping } from "./check.ts";

/** Service Authorization Reference, "Service Quotas". */
export const servicequotas: Mapping = {
  GetServiceQuota: (input: { ServiceCode: string; QuotaCode: string }, world) => [
    check(
      "servicequotas:GetServiceQuota",
      `arn:aws:servicequotas:${world.region}:${world.account}:${input.ServiceCode}/${input.QuotaCode}`,
    ),
  ],
};

/** Service Authorization Reference, "AWS Free Tier". */
export const freetier: Mapping = {
  GetAccountPlanState: () => [check("freetier:GetAccountPlanState", "*")],
};
