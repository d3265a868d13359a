/** What the account does not start, or not as much of as the site may need. Pure. */
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { FORBIDDEN_HINT, freeTypesHint, quotaHint } from "../aws/errors.ts";
import type { LimitsSeen, VcpuQuota } from "../aws/limits.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { error, type Finding } from "./findings.ts";

export interface LimitsInput {
  config: SiteConfig;
  /** Undefined where it was not asked. */
  limits?: LimitsSeen | undefined;
  /** Whether the site's VPC is still to be made. */
  begins: boolean;
}

export function limitFindings({ config, limits, begins }: LimitsInput): Finding[] {
  if (limits === undefined) return [];
  const { unread, spot, onDemand } = limits;
  return [
    ...planFindings(config, limits),
    ...vcpuFindings("spot", "MaxSpotInstanceCountExceeded", spot, limits),
    ...(config.fleet.bridge ? vcpuFindings("on-demand", "VcpuLimitExceeded", onDemand, limits) : []),
    ...(begins ? beginFindings(limits) : []),
    ...(unread.length === 0
      ? []
      : [
          {
            level: "note" as const,
            message: `some of the account's limits could not be read: ${unread.join("; ")}`,
            hint: "`everspot permissions` lists what to allow for that",
          },
        ]),
  ];
}

function planFindings(config: SiteConfig, { plan, types }: LimitsSeen): Finding[] {
  if (plan !== "free" || types.length === 0) return [];
  const refused = types.filter((t) => !t.free).map((t) => t.type);
  if (refused.length === 0) return [];
  const list = refused.join(", ");
  const hint = freeTypesHint(config.fleet.arch);
  if (refused.length === types.length)
    return [error(`the account has AWS's free plan, which does not start ${list}`, hint)];
  return [{ level: "note", message: `the account has AWS's free plan, which does not start ${list}`, hint }];
}

/** A replacement and a swap run beside the instance that serves. */
function vcpuFindings(
  market: "spot" | "on-demand",
  code: string,
  { quota, others, held = 0 }: VcpuQuota,
  { types }: LimitsSeen,
): Finding[] {
  if (quota === undefined || others === undefined || types.length === 0) return [];
  const room = quota - others;
  const least = Math.min(...types.map((t) => t.vcpus));
  const most = Math.max(...types.map((t) => t.vcpus));
  const beside = others === 0 ? "" : `, of which other instances use ${others}`;
  const has = `the account may run ${quota} vCPUs of ${market} instances at a time${beside}`;
  const hint = quotaHint(code);
  // Without room to bridge, the site still is as it would be without a bridge.
  if (room < least && market === "spot") return [error(`${has}: no instance of the site starts`, hint ?? "")];
  const note = (message: string) => [omitUndefined({ level: "note" as const, message, hint })];
  if (room < 2 * most)
    return note(`${has}; a swap or a replacement needs two instances, up to ${2 * most} vCPUs`);
  if (room - held >= 2 * most) return [];
  return note(
    `${has}${beside === "" ? ", of which" : ", and"} spot requests without an instance hold ${held}: until AWS closes those of instances that ended, in some minutes, ${room - held < least ? "no instance of the site starts" : "there is no room for two, as a swap or a replacement needs"}`,
  );
}

function beginFindings({ vpcs: { quota, there }, denied }: LimitsSeen): Finding[] {
  return [
    ...(quota === undefined || there === undefined || there < quota
      ? []
      : [
          error(
            `the region has ${there} VPCs, and the account may have no more than ${quota} there; a site needs one of its own`,
            "delete one that is no longer used, or ask for more: `aws service-quotas request-service-quota-increase --service-code vpc --quota-code L-F678F1CE --desired-value 10`",
          ),
        ]),
    ...(denied === undefined
      ? []
      : [error(`AWS would refuse to make the site's network: ${denied}`, FORBIDDEN_HINT)]),
  ];
}
