import {
  DescribeFleetsCommand,
  DescribeInstancesCommand,
  DescribeInternetGatewaysCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { IAMClient, ListInstanceProfilesCommand, ListRolesCommand } from "@aws-sdk/client-iam";
import { ListResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import {
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { channel, channelDocument } from "../../agent/site/channel.ts";
import { connect } from "../../provisioner/aws/connect.ts";
import type { SiteConfig } from "../../provisioner/config/site-config.ts";
import { observeSite } from "../../provisioner/seen/observe.ts";

/** All that is in the account, whatever its tags, and the site as we see it; ids and times made equal. */
export async function snapshot(config: SiteConfig, zoneId: string): Promise<unknown> {
  const region = { region: "us-east-1" };
  const ec2 = new EC2Client(region);
  const iam = new IAMClient(region);
  const s3 = new S3Client(region);
  const route53 = new Route53Client(region);
  const aws = await connect(config);
  try {
    const templates = (await ec2.send(new DescribeLaunchTemplatesCommand({}))).LaunchTemplates ?? [];
    const versions = templates.map(async (t) => {
      const found = await ec2.send(
        new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: t.LaunchTemplateId }),
      );
      return (found.LaunchTemplateVersions ?? []).map((v) => [
        v.VersionNumber,
        v.VersionDescription?.slice(0, 9),
      ]);
    });
    const buckets = (await s3.send(new ListBucketsCommand({}))).Buckets ?? [];
    const objects = buckets.map(async (b) => {
      const found = await s3.send(new ListObjectVersionsCommand({ Bucket: b.Name }));
      const keys = (found.Versions ?? []).flatMap((v) => (v.IsLatest === true ? (v.Key ?? []) : []));
      const candidate = await candidateOf(s3, b.Name ?? "");
      // One cut off before the channel named it is a release like any superseded one: no one runs it.
      const named = keys.filter((k) => !k.startsWith("releases/") || k.startsWith(`releases/${candidate}.`));
      return named.map((key) => key.replace(/^(releases\/)r\d+/, "$1…"));
    });
    const records = await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: zoneId }));
    const raw = {
      vpcs: (await ec2.send(new DescribeVpcsCommand({}))).Vpcs,
      subnets: (await ec2.send(new DescribeSubnetsCommand({}))).Subnets,
      gateways: (await ec2.send(new DescribeInternetGatewaysCommand({}))).InternetGateways,
      tables: (await ec2.send(new DescribeRouteTablesCommand({}))).RouteTables,
      groups: (await ec2.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups,
      fleets: (await ec2.send(new DescribeFleetsCommand({}))).Fleets?.filter(
        (f) => !f.FleetState?.startsWith("deleted"),
      ).map((f) => [f.Type, f.TargetCapacitySpecification?.TotalTargetCapacity]),
      instances: (await ec2.send(new DescribeInstancesCommand({}))).Reservations?.flatMap(
        (r) => r.Instances ?? [],
      )
        .filter((i) => i.State?.Name !== "terminated")
        .map((i) => i.State?.Name),
      versions: await Promise.all(versions),
      roles: (await iam.send(new ListRolesCommand({}))).Roles?.map((r) => r.RoleName),
      profiles: (await iam.send(new ListInstanceProfilesCommand({}))).InstanceProfiles?.map((p) => [
        p.InstanceProfileName,
        p.Roles?.map((r) => r.RoleName),
      ]),
      buckets: buckets.map((b) => b.Name),
      objects: await Promise.all(objects),
      records: records.ResourceRecordSets?.filter((r) => r.Type !== "NS" && r.Type !== "SOA").map((r) => [
        r.Name,
        r.Type,
        r.ResourceRecords,
      ]),
    };
    const { bucket, roles } = await observeSite(aws);
    return sameIds({ ...raw, bucket, roles });
  } finally {
    aws.close();
    for (const client of [ec2, iam, s3, route53]) client.destroy();
  }
}

async function candidateOf(s3: S3Client, bucket: string): Promise<string | undefined> {
  const found = await s3
    .send(new GetObjectCommand({ Bucket: bucket, Key: channelDocument.key }))
    .catch(() => undefined);
  if (found?.Body === undefined) return undefined;
  return channel.parse(JSON.parse(await found.Body.transformToString())).candidate?.id;
}

function sameIds(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replace(
      /\b(vpc|igw|subnet|rtb|rtbassoc|sg|sgr|acl|dopt|i|lt|fleet|eni|vol|cidr-assoc|vpc-cidr-assoc)-[0-9a-f-]+/g,
      "$1-…",
    )
    .replace(/hostedzone\/\w+/g, "hostedzone/…")
    .replace(/127\.0\.\d+\.\d+/g, "127.0.…");
  const parsed = JSON.parse(text) as unknown;
  return sorted(parsed);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !/Time|Date|OwnerId|AvailableIpAddressCount/.test(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, v]) => [key, sorted(v)]),
  );
}
