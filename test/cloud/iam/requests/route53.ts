import type * as R53 from "@aws-sdk/client-route-53";
import { escapeName } from "../../domain-names.ts";
import { type Check, check, type Mapping, requestTags } from "./check.ts";

const zoneArn = (id: string | undefined): string =>
  `arn:aws:route53:::hostedzone/${(id ?? "").replace("/hostedzone/", "")}`;
const onZone =
  (action: string) =>
  (input: { Id?: string | undefined; HostedZoneId?: string | undefined }): Check[] => [
    check(action, zoneArn(input.Id ?? input.HostedZoneId)),
  ];
const onAny = (action: string) => (): Check[] => [check(action, "*")];

/**
 * As conditions see a record name: lower case, no trailing dot, all but a-z 0-9 - _ . as `\` and three octal digits
 * (Route 53 developer guide, "Using IAM policy conditions for fine-grained access control", "Normalization").
 */
export const normalizedRecordName = (name: string): string => escapeName(name).replace(/\.$/, "");

const unique = (values: readonly string[]): string[] => [...new Set(values)];

export const route53: Mapping = {
  ChangeResourceRecordSets: (input: R53.ChangeResourceRecordSetsCommandInput) => {
    const changes = input.ChangeBatch?.Changes ?? [];
    const prefix = "route53:ChangeResourceRecordSets";
    return [
      check("route53:ChangeResourceRecordSets", zoneArn(input.HostedZoneId), {
        [`${prefix}NormalizedRecordNames`]: unique(
          changes.map((c) => normalizedRecordName(c.ResourceRecordSet?.Name ?? "")),
        ),
        [`${prefix}RecordTypes`]: unique(changes.map((c) => c.ResourceRecordSet?.Type ?? "")),
        [`${prefix}Actions`]: unique(changes.map((c) => c.Action ?? "")),
      }),
    ];
  },
  ListResourceRecordSets: onZone("route53:ListResourceRecordSets"),
  GetHostedZone: onZone("route53:GetHostedZone"),
  DeleteHostedZone: onZone("route53:DeleteHostedZone"),
  UpdateHostedZoneComment: onZone("route53:UpdateHostedZoneComment"),
  GetChange: (input: R53.GetChangeCommandInput) => [
    check("route53:GetChange", `arn:aws:route53:::change/${(input.Id ?? "").replace("/change/", "")}`),
  ],
  CreateHostedZone: onAny("route53:CreateHostedZone"),
  ListHostedZones: onAny("route53:ListHostedZones"),
  ListHostedZonesByName: onAny("route53:ListHostedZonesByName"),
  GetHostedZoneCount: onAny("route53:GetHostedZoneCount"),
  ListTagsForResource: (input: R53.ListTagsForResourceCommandInput) => [
    check("route53:ListTagsForResource", zoneArn(input.ResourceId)),
  ],
  ListTagsForResources: (input: R53.ListTagsForResourcesCommandInput) =>
    (input.ResourceIds ?? []).map((id) => check("route53:ListTagsForResources", zoneArn(id))),
  ChangeTagsForResource: (input: R53.ChangeTagsForResourceCommandInput) => [
    check("route53:ChangeTagsForResource", zoneArn(input.ResourceId), {
      ...requestTags(input.AddTags),
      ...(input.RemoveTagKeys === undefined ? {} : { "aws:TagKeys": input.RemoveTagKeys }),
    }),
  ],
};
