import {
  type EC2Client,
  paginateDescribeSecurityGroupRules,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { describeRules, type Rule, within } from "../wanted/ingress.ts";
import { ignoring, NotYet } from "./errors.ts";
import { toRule } from "./ingress.ts";
import { gather } from "./network-look.ts";

/**
 * Revokes rules by their ids, then looks again: in a VPC, one rule of a list that is not there makes EC2 revoke none of
 * them (EC2 API Reference, RevokeSecurityGroupIngress), and by its values an ICMP rule has to be given exactly.
 * @throws NotYet naming what is still let in.
 */
export async function closePorts(client: EC2Client, group: string, rules: readonly Rule[]): Promise<void> {
  const doomed = await look(client, group, rules);
  if (doomed.length > 0) {
    await client
      .send(
        new RevokeSecurityGroupIngressCommand({
          GroupId: group,
          SecurityGroupRuleIds: doomed.map((r) => r.id),
        }),
      )
      .catch(ignoring("InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound"));
  }
  const left = await look(client, group, rules);
  if (left.length > 0) {
    throw new NotYet(`the security group still lets in ${describeRules(left.map((r) => r.rule))}`, {
      resource: group,
      hint: "look at the group's inbound rules in the AWS console (VPC → Security groups), and run the command again",
    });
  }
}

/** Those of the rules that the group has. */
async function look(client: EC2Client, group: string, rules: readonly Rule[]) {
  const all = await gather(
    paginateDescribeSecurityGroupRules({ client }, { Filters: [{ Name: "group-id", Values: [group] }] }),
    (page) => page.SecurityGroupRules,
  );
  return all.flatMap((seen) => {
    const rule = seen.IsEgress === false ? toRule(seen, group) : undefined;
    const { SecurityGroupRuleId: id } = seen;
    return rule !== undefined && id !== undefined && within([rule], rules).length > 0 ? [{ id, rule }] : [];
  });
}
