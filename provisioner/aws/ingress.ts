import type { IpPermission, SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { Rule } from "../wanted/ingress.ts";

/** What EC2 shows, and expects, for every type of ICMP; for protocol "-1" (everything) it leaves the ports out. */
const ALL_PORTS = -1;

export function toRules(permissions: readonly IpPermission[], group: string): Rule[] {
  return permissions.flatMap((p) => {
    const sources = [
      ...(p.IpRanges ?? []).map((r) => r.CidrIp),
      ...(p.Ipv6Ranges ?? []).map((r) => r.CidrIpv6),
      ...(p.PrefixListIds ?? []).map((l) => l.PrefixListId),
      ...(p.UserIdGroupPairs ?? []).map((g) => (g.GroupId === group ? "self" : g.GroupId)),
    ];
    return sources.flatMap((source) =>
      source === undefined
        ? []
        : [
            {
              protocol: p.IpProtocol ?? "-1",
              from: p.FromPort ?? ALL_PORTS,
              to: p.ToPort ?? ALL_PORTS,
              source,
            },
          ],
    );
  });
}

/** A rule by itself, under which it can be revoked whatever the others are. */
export function toRule(seen: SecurityGroupRule, group: string): Rule | undefined {
  const { CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupInfo } = seen;
  const other = ReferencedGroupInfo?.GroupId;
  const source = CidrIpv4 ?? CidrIpv6 ?? PrefixListId ?? (other === group ? "self" : other);
  if (source === undefined) return undefined;
  return {
    protocol: seen.IpProtocol ?? "-1",
    from: seen.FromPort ?? ALL_PORTS,
    to: seen.ToPort ?? ALL_PORTS,
    source,
  };
}

/** One permission for each protocol and port range, as EC2 itself keeps them. */
export function fromRules(rules: readonly Rule[], group: string): IpPermission[] {
  const byPorts = new Map<string, Rule[]>();
  for (const rule of rules) {
    const key = `${rule.protocol}/${rule.from}/${rule.to}`;
    byPorts.set(key, [...(byPorts.get(key) ?? []), rule]);
  }
  return [...byPorts.values()].map((same) => permission(same, group));
}

const unlessEmpty = <T>(list: T[]): T[] | undefined => (list.length === 0 ? undefined : list);

function permission(rules: readonly Rule[], group: string): IpPermission {
  const sources = rules.map((r) => r.source);
  const v4 = sources.filter((s) => /^[\d.]+\/\d+$/.test(s));
  const v6 = sources.filter((s) => s.includes(":"));
  const lists = sources.filter((s) => s.startsWith("pl-"));
  const groups = sources.filter((s) => s === "self" || s.startsWith("sg-"));
  const first = rules[0];
  const ports =
    first === undefined || first.protocol === "-1" ? {} : { FromPort: first.from, ToPort: first.to };
  return {
    IpProtocol: first?.protocol ?? "tcp",
    ...ports,
    IpRanges: unlessEmpty(v4.map((CidrIp) => ({ CidrIp }))),
    Ipv6Ranges: unlessEmpty(v6.map((CidrIpv6) => ({ CidrIpv6 }))),
    PrefixListIds: unlessEmpty(lists.map((PrefixListId) => ({ PrefixListId }))),
    UserIdGroupPairs: unlessEmpty(groups.map((g) => ({ GroupId: g === "self" ? group : g }))),
  };
}
