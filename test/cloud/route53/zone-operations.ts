import type * as SDK from "@aws-sdk/client-route-53";
import { escapeName, isName, reversed } from "../domain-names.ts";
import { AwsError, type WireServer } from "../wire/server.ts";
import { invalidInput, noSuchZone } from "./errors.ts";
import { compare } from "./record-sets.ts";
import type { Change, Zone, Zones } from "./zones.ts";

/** Most zones of one page, and the default. */
const PAGE = 100;
const TAGS = 10;

/** Operations on hosted zones and their tags. */
export function registerZones(
  wire: WireServer,
  zones: Zones,
  info: (change: Change) => SDK.ChangeInfo,
): void {
  const on = <I>(operation: string, handler: (input: I) => object): WireServer =>
    wire.on<I>("route53", operation, handler);

  on("CreateHostedZone", (input: SDK.CreateHostedZoneRequest) => {
    const name = escapeName(input.Name ?? "");
    if (!isName(name)) {
      throw new AwsError("InvalidDomainName", `${input.Name ?? ""} is not a valid domain name`, 400);
    }
    if (input.VPC !== undefined || input.HostedZoneConfig?.PrivateZone === true) {
      throw invalidInput("private hosted zones are not modelled by the local Route 53");
    }
    if ([...zones.all.values()].some((z) => z.callerReference === input.CallerReference)) {
      throw new AwsError(
        "HostedZoneAlreadyExists",
        `A hosted zone has already been created with the specified caller reference: ${input.CallerReference ?? ""}`,
        409,
      );
    }
    const zone = zones.create({
      name,
      callerReference: input.CallerReference ?? "",
      comment: input.HostedZoneConfig?.Comment,
      privateZone: false,
    });
    return {
      ...described(zone),
      ChangeInfo: info(zones.change(undefined)),
      Location: `/2013-04-01/hostedzone/${zone.id}`,
    };
  });
  on("GetHostedZone", (input: SDK.GetHostedZoneRequest) => described(zones.get(input.Id)));
  on("GetHostedZoneCount", () => ({ HostedZoneCount: zones.all.size }));
  on("UpdateHostedZoneComment", (input: SDK.UpdateHostedZoneCommentRequest) => {
    const zone = zones.get(input.Id);
    zone.comment = input.Comment;
    return { HostedZone: shapeOf(zone) };
  });
  on("DeleteHostedZone", (input: SDK.DeleteHostedZoneRequest) => {
    const zone = zones.get(input.Id);
    if (zone.records.size > 2) {
      throw new AwsError(
        "HostedZoneNotEmpty",
        "The specified hosted zone contains non-required resource record sets  and so cannot be deleted.",
        400,
      );
    }
    zones.all.delete(zone.id);
    return { ChangeInfo: info(zones.change(undefined)) };
  });
  on("ListHostedZones", (input: SDK.ListHostedZonesRequest) => {
    const all = [...zones.all.values()];
    const start = input.Marker === undefined ? 0 : all.findIndex((z) => z.id === input.Marker);
    if (start < 0) throw invalidInput(`Could not find hosted zone with ID: ${input.Marker ?? ""}`);
    const size = pageSize(input.MaxItems);
    const next = all[start + size];
    return {
      HostedZones: all.slice(start, start + size).map(shapeOf),
      Marker: input.Marker ?? "",
      IsTruncated: next !== undefined,
      MaxItems: size,
      ...(next === undefined ? {} : { NextMarker: next.id }),
    };
  });
  on("ListHostedZonesByName", (input: SDK.ListHostedZonesByNameRequest) => {
    if (input.HostedZoneId !== undefined && input.DNSName === undefined) {
      throw invalidInput("The input is not valid: HostedZoneId without DNSName");
    }
    const from = input.DNSName === undefined ? "" : reversed(escapeName(input.DNSName));
    const fromId = (input.HostedZoneId ?? "").replace("/hostedzone/", "");
    // Not a filter: the zone of the name, if there is one, and all that sort after it.
    const all = [...zones.all.values()]
      .sort((a, b) => compare(reversed(a.name), reversed(b.name)) || compare(a.id, b.id))
      .filter((z) => {
        const order = compare(reversed(z.name), from);
        return order > 0 || (order === 0 && compare(z.id, fromId) >= 0);
      });
    const size = pageSize(input.MaxItems);
    const next = all[size];
    return {
      HostedZones: all.slice(0, size).map(shapeOf),
      DNSName: input.DNSName,
      HostedZoneId: input.HostedZoneId,
      IsTruncated: next !== undefined,
      MaxItems: size,
      ...(next === undefined ? {} : { NextDNSName: next.name, NextHostedZoneId: next.id }),
    };
  });

  on("ChangeTagsForResource", (input: SDK.ChangeTagsForResourceRequest) => {
    const { tags } = tagged(input);
    for (const key of input.RemoveTagKeys ?? []) tags.delete(key);
    for (const { Key, Value } of input.AddTags ?? []) tags.set(Key ?? "", Value ?? "");
    if (tags.size > TAGS) throw invalidInput(`A resource can have at most ${TAGS} tags`);
    return {};
  });
  on("ListTagsForResource", (input: SDK.ListTagsForResourceRequest) => ({
    ResourceTagSet: tagSet(tagged(input)),
  }));
  on("ListTagsForResources", (input: SDK.ListTagsForResourcesRequest) => ({
    ResourceTagSets: (input.ResourceIds ?? []).map((ResourceId) =>
      tagSet(tagged({ ResourceType: input.ResourceType, ResourceId })),
    ),
  }));

  function tagged(input: { ResourceType: string | undefined; ResourceId: string | undefined }): Zone {
    if (input.ResourceType !== "hostedzone") {
      throw invalidInput(`tags of a ${input.ResourceType ?? ""} are not modelled by the local Route 53`);
    }
    const zone = zones.all.get(input.ResourceId ?? "");
    if (zone === undefined) throw noSuchZone(input.ResourceId ?? "");
    return zone;
  }
}

const tagSet = (zone: Zone): SDK.ResourceTagSet => ({
  ResourceType: "hostedzone",
  ResourceId: zone.id,
  Tags: [...zone.tags].map(([Key, Value]) => ({ Key, Value })),
});

function pageSize(maxItems: number | string | undefined): number {
  const size = Math.min(Number(maxItems ?? PAGE), PAGE);
  if (!Number.isInteger(size) || size < 1) throw invalidInput(`Invalid MaxItems ${maxItems ?? ""}`);
  return size;
}

const shapeOf = (zone: Zone): SDK.HostedZone => ({
  Id: `/hostedzone/${zone.id}`,
  Name: zone.name,
  CallerReference: zone.callerReference,
  Config: { PrivateZone: zone.privateZone, ...(zone.comment === undefined ? {} : { Comment: zone.comment }) },
  ResourceRecordSetCount: zone.records.size,
});

const described = (zone: Zone): { HostedZone: SDK.HostedZone; DelegationSet: SDK.DelegationSet } => ({
  HostedZone: shapeOf(zone),
  DelegationSet: { NameServers: [...zone.nameServers] },
});
