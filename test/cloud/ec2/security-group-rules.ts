import type { IpPermission } from "@aws-sdk/client-ec2";
import { block } from "./cidr.ts";
import { invalid, need } from "./errors.ts";
import { newId } from "./ids.ts";
import type { Rule } from "./network.ts";

/** One rule per peer, as AWS keeps them. @throws AwsError for ports, protocols or ranges AWS refuses. */
export function rulesOf(permissions: readonly IpPermission[], egress: boolean): Rule[] {
  return permissions.flatMap((permission) => {
    const protocol = protocolOf(need(permission.IpProtocol, "IpProtocol"));
    const ports = portsOf(protocol, permission);
    const make = (peer: Rule["peer"], description: string | undefined): Rule => ({
      id: newId("sgr"),
      egress,
      protocol,
      ...ports,
      peer,
      description,
    });
    const rules = [
      ...(permission.IpRanges ?? []).map((r) =>
        make({ cidr: range(need(r.CidrIp, "CidrIp")) }, r.Description),
      ),
      ...(permission.Ipv6Ranges ?? []).map((r) =>
        make({ cidr6: need(r.CidrIpv6, "CidrIpv6") }, r.Description),
      ),
      ...(permission.UserIdGroupPairs ?? []).map((r) =>
        make({ group: need(r.GroupId, "GroupId") }, r.Description),
      ),
    ];
    if (rules.length === 0) throw invalid("The request must contain a range or a group for each permission");
    return rules;
  });
}

export const sameRule = (one: Rule, other: Rule): boolean =>
  one.egress === other.egress &&
  one.protocol === other.protocol &&
  one.from === other.from &&
  one.to === other.to &&
  JSON.stringify(one.peer) === JSON.stringify(other.peer);

/** Rules put together again by protocol and ports, as DescribeSecurityGroups shows them. */
export function permissionsOf(rules: readonly Rule[], account: string): IpPermission[] {
  const permissions = new Map<string, IpPermission>();
  for (const rule of rules) {
    const key = `${rule.protocol} ${rule.from} ${rule.to}`;
    const permission = permissions.get(key) ?? {
      IpProtocol: rule.protocol,
      ...(rule.protocol === "-1" ? {} : { FromPort: rule.from, ToPort: rule.to }),
      IpRanges: [],
      Ipv6Ranges: [],
      PrefixListIds: [],
      UserIdGroupPairs: [],
    };
    permissions.set(key, permission);
    const Description = rule.description;
    if ("cidr" in rule.peer) permission.IpRanges?.push({ CidrIp: rule.peer.cidr, Description });
    else if ("cidr6" in rule.peer) permission.Ipv6Ranges?.push({ CidrIpv6: rule.peer.cidr6, Description });
    else permission.UserIdGroupPairs?.push({ GroupId: rule.peer.group, UserId: account, Description });
  }
  return [...permissions.values()];
}

function protocolOf(given: string): string {
  const byNumber: Record<string, string> = {
    "6": "tcp",
    "17": "udp",
    "1": "icmp",
    "58": "icmpv6",
    all: "-1",
  };
  const protocol = byNumber[given] ?? given.toLowerCase();
  if (["tcp", "udp", "icmp", "icmpv6", "-1"].includes(protocol) || /^\d+$/.test(protocol)) return protocol;
  throw invalid(`Invalid value '${given}' for IP protocol. Unknown protocol.`);
}

function portsOf(protocol: string, { FromPort, ToPort }: IpPermission): { from: number; to: number } {
  if (protocol === "-1") return { from: -1, to: -1 };
  if (protocol === "icmp" || protocol === "icmpv6") {
    if (FromPort === undefined || ToPort === undefined) {
      throw invalid(
        "Must specify both from and to ports (or type and code for ICMP/ICMPv6) with TCP/UDP/ICMP/ICMPv6.",
      );
    }
    return { from: FromPort, to: ToPort };
  }
  if (protocol !== "tcp" && protocol !== "udp") return { from: -1, to: -1 };
  const from = need(FromPort, "FromPort");
  const to = need(ToPort, "ToPort");
  if (from < 0 || to > 65535 || from > to) throw invalid(`Invalid value for portRange: ${from}-${to}`);
  return { from, to };
}

function range(cidr: string): string {
  block(cidr);
  return cidr;
}
