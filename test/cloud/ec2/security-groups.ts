import type { IpPermission, SecurityGroupRule, Tag } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { chosen, found, invalid, need } from "./errors.ts";
import { select } from "./filters.ts";
import { newId } from "./ids.ts";
import type { Network, Rule, SecurityGroup } from "./network.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { permissionsOf, rulesOf, sameRule } from "./security-group-rules.ts";
import { specifiedTags } from "./tags.ts";

/** A group that lets everything out and nothing in, as AWS makes them. */
export function addGroup(
  place: Place,
  network: Network,
  given: { vpcId: string; name: string; description: string },
  tags: Tag[] = [],
): SecurityGroup {
  const rules = rulesOf([{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }], true);
  const group = { id: newId("sg"), ...given, rules };
  network.groups.set(group.id, group);
  place.tags.adopt(group.id, "security-group", tags);
  return group;
}

export function securityGroupHandlers(place: Place, network: Network): Handlers {
  const shape = (group: SecurityGroup) => ({
    GroupId: group.id,
    GroupName: group.name,
    Description: group.description,
    VpcId: group.vpcId,
    OwnerId: place.account,
    SecurityGroupArn: `arn:aws:ec2:${place.region}:${place.account}:security-group/${group.id}`,
    IpPermissions: permissionsOf(
      group.rules.filter((r) => !r.egress),
      place.account,
    ),
    IpPermissionsEgress: permissionsOf(
      group.rules.filter((r) => r.egress),
      place.account,
    ),
    Tags: place.tags.of(group.id),
  });
  const ruleShape = (group: SecurityGroup, rule: Rule): SecurityGroupRule => ({
    SecurityGroupRuleId: rule.id,
    GroupId: group.id,
    GroupOwnerId: place.account,
    IsEgress: rule.egress,
    IpProtocol: rule.protocol,
    FromPort: rule.from,
    ToPort: rule.to,
    ...("cidr" in rule.peer ? { CidrIpv4: rule.peer.cidr } : {}),
    ...("cidr6" in rule.peer ? { CidrIpv6: rule.peer.cidr6 } : {}),
    ...("group" in rule.peer
      ? { ReferencedGroupInfo: { GroupId: rule.peer.group, UserId: place.account } }
      : {}),
    Description: rule.description,
    Tags: place.tags.of(rule.id),
  });
  const find = (id: string | undefined) => found(network.groups, id, "sg", "GroupId");

  function authorize(
    id: string | undefined,
    permissions: IpPermission[] | undefined,
    egress: boolean,
    tags: Tag[],
  ) {
    const group = find(id);
    const rules = rulesOf(need(permissions, "IpPermissions"), egress);
    for (const rule of rules) {
      if ("group" in rule.peer) found(network.groups, rule.peer.group, "sg");
      if (group.rules.some((r) => sameRule(r, rule))) {
        throw new AwsError(
          "InvalidPermission.Duplicate",
          `the specified rule "peer: ${Object.values(rule.peer).join("")}, ${rule.protocol}, from port: ${rule.from}, to port: ${rule.to}, ALLOW" already exists`,
        );
      }
    }
    group.rules.push(...rules);
    for (const rule of rules) place.tags.adopt(rule.id, "security-group-rule", tags);
    return { Return: true, SecurityGroupRules: rules.map((r) => ruleShape(group, r)) };
  }

  function revoke(
    id: string | undefined,
    given: { permissions: IpPermission[] | undefined; ruleIds: string[] | undefined },
    egress: boolean,
  ) {
    const group = find(id);
    const wanted = rulesOf(given.permissions ?? [], egress);
    const gone = [
      ...wanted.map((w) => group.rules.find((r) => sameRule(r, w))),
      ...(given.ruleIds ?? []).map((ruleId) =>
        group.rules.find((r) => r.id === ruleId && r.egress === egress),
      ),
    ];
    if (gone.includes(undefined)) {
      throw new AwsError(
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
      );
    }
    group.rules = group.rules.filter((r) => !gone.includes(r));
    for (const rule of gone) if (rule !== undefined) place.tags.drop(rule.id);
    return { Return: true };
  }

  return {
    CreateSecurityGroup: (input) => {
      const name = need(input.GroupName, "GroupName");
      const description = need(input.Description, "GroupDescription");
      const fallback = [...network.vpcs.values()].find((v) => v.isDefault)?.id;
      const vpc = found(network.vpcs, input.VpcId ?? fallback, "vpc", "VpcId");
      if (
        name.startsWith("sg-") ||
        name.length > 255 ||
        !/^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]+$/.test(name)
      ) {
        throw invalid(`Value (${name}) for parameter GroupName is invalid.`);
      }
      if (!/^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(description)) {
        throw invalid(
          `Value (${description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.`,
        );
      }
      if ([...network.groups.values()].some((g) => g.vpcId === vpc.id && g.name === name)) {
        throw new AwsError(
          "InvalidGroup.Duplicate",
          `The security group '${name}' already exists for VPC '${vpc.id}'`,
        );
      }
      const tags = specifiedTags(input.TagSpecifications, "security-group");
      const group = addGroup(place, network, { vpcId: vpc.id, name, description }, tags);
      return {
        GroupId: group.id,
        SecurityGroupArn: shape(group).SecurityGroupArn,
        Tags: place.tags.of(group.id),
      };
    },
    DeleteSecurityGroup: (input) => {
      const group = find(input.GroupId);
      if (group.name === "default") {
        throw new AwsError(
          "CannotDelete",
          `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
        );
      }
      network.assertGroupUnused(group.id);
      network.groups.delete(group.id);
      for (const rule of group.rules) place.tags.drop(rule.id);
      place.tags.drop(group.id);
      return { Return: true, GroupId: group.id };
    },
    AuthorizeSecurityGroupIngress: (input) =>
      authorize(input.GroupId, input.IpPermissions ?? plain(input), false, ruleTags(input.TagSpecifications)),
    AuthorizeSecurityGroupEgress: (input) =>
      authorize(input.GroupId, input.IpPermissions, true, ruleTags(input.TagSpecifications)),
    RevokeSecurityGroupIngress: (input) =>
      revoke(
        input.GroupId,
        { permissions: input.IpPermissions ?? plain(input), ruleIds: input.SecurityGroupRuleIds },
        false,
      ),
    RevokeSecurityGroupEgress: (input) =>
      revoke(input.GroupId, { permissions: input.IpPermissions, ruleIds: input.SecurityGroupRuleIds }, true),
    DescribeSecurityGroups: (input) => {
      const wanted = select(
        chosen(network.groups, input.GroupIds, "sg").filter(
          (g) => input.GroupNames === undefined || input.GroupNames.includes(g.name),
        ),
        input.Filters,
        {
          "group-id": (g) => g.id,
          "group-name": (g) => g.name,
          "vpc-id": (g) => g.vpcId,
          description: (g) => g.description,
          "owner-id": () => place.account,
          "ip-permission.group-id": (g) => referenced(g, false),
          "egress.ip-permission.group-id": (g) => referenced(g, true),
        },
        (g) => place.tags.of(g.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { SecurityGroups: items.map(shape), NextToken: nextToken };
    },
    DescribeSecurityGroupRules: (input) => {
      const all = [...network.groups.values()].flatMap((group) =>
        group.rules.map((rule) => ({ group, rule })),
      );
      const known = new Map(all.map((r) => [r.rule.id, r]));
      const wanted = select(
        chosen(known, input.SecurityGroupRuleIds, "sgr"),
        input.Filters,
        { "group-id": (r) => r.group.id, "security-group-rule-id": (r) => r.rule.id },
        (r) => place.tags.of(r.rule.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { SecurityGroupRules: items.map((r) => ruleShape(r.group, r.rule)), NextToken: nextToken };
    },
  };
}

const ruleTags = (specifications: Parameters<typeof specifiedTags>[0]): Tag[] =>
  specifiedTags(specifications, "security-group-rule");

const referenced = (group: SecurityGroup, egress: boolean): string[] =>
  group.rules.flatMap((r) => (r.egress === egress && "group" in r.peer ? r.peer.group : []));

/** The old form of a rule: one range, given beside the group. */
function plain(input: {
  IpProtocol?: string | undefined;
  FromPort?: number | undefined;
  ToPort?: number | undefined;
  CidrIp?: string | undefined;
}): IpPermission[] | undefined {
  if (input.CidrIp === undefined) return undefined;
  const { IpProtocol, FromPort, ToPort, CidrIp } = input;
  return [{ IpProtocol, FromPort, ToPort, IpRanges: [{ CidrIp }] }];
}
