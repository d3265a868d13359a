import * as acm from "@aws-sdk/client-acm";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as route53 from "@aws-sdk/client-route-53";
import * as s3 from "@aws-sdk/client-s3";
import * as sns from "@aws-sdk/client-sns";
import * as ssm from "@aws-sdk/client-ssm";

/** ACM lists RSA keys of up to 2048 bits alone unless told otherwise. */
const EVERY_KEY = { Includes: { keyTypes: Object.values(acm.KeyAlgorithm) } };

/**
 * Everything in an account that someone made and could forget: one line each, e.g. "ec2 vpc vpc-0abc",
 * "route53 A www.example.com". Not hosted zones and the records every zone is born with, not what is terminated
 * or deleted and only listed for a while, not AWS's own images and roles. Asked as the account's owner.
 */
export async function inventory(account: { endpoint: string; region: string }): Promise<string[]> {
  const config = {
    ...account,
    credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
    maxAttempts: 1,
  };
  const found = await Promise.all([
    network(new ec2.EC2Client(config)),
    machines(new ec2.EC2Client(config)),
    identities(new iam.IAMClient(config)),
    buckets(new s3.S3Client(config)),
    list(
      "acm certificate",
      acm.paginateListCertificates({ client: new acm.ACMClient(config) }, EVERY_KEY),
      (p) => p.CertificateSummaryList?.map((c) => c.CertificateArn),
    ),
    list("ssm parameter", ssm.paginateDescribeParameters({ client: new ssm.SSMClient(config) }, {}), (p) =>
      p.Parameters?.map((x) => x.Name),
    ),
    list("sns topic", sns.paginateListTopics({ client: new sns.SNSClient(config) }, {}), (p) =>
      p.Topics?.map((t) => t.TopicArn),
    ),
    list(
      "log group",
      logs.paginateDescribeLogGroups({ client: new logs.CloudWatchLogsClient(config) }, {}),
      (p) => p.logGroups?.map((g) => g.logGroupName),
    ),
    records(new route53.Route53Client(config)),
  ]);
  return found.flat();
}

/** The items of every page, as "<kind> <id>". */
async function list<Page>(
  kind: string,
  pages: AsyncIterable<Page>,
  idsOf: (page: Page) => readonly (string | undefined)[] | undefined,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const page of pages)
    for (const id of idsOf(page) ?? []) if (id !== undefined) ids.push(`${kind} ${id}`);
  return ids;
}

async function network(client: ec2.EC2Client): Promise<string[]> {
  const at = { client };
  const lists = await Promise.all([
    list("ec2 vpc", ec2.paginateDescribeVpcs(at, {}), (p) => p.Vpcs?.map((v) => v.VpcId)),
    list("ec2 subnet", ec2.paginateDescribeSubnets(at, {}), (p) => p.Subnets?.map((s) => s.SubnetId)),
    list("ec2 internet gateway", ec2.paginateDescribeInternetGateways(at, {}), (p) =>
      p.InternetGateways?.map((g) => g.InternetGatewayId),
    ),
    list("ec2 route table", ec2.paginateDescribeRouteTables(at, {}), (p) =>
      p.RouteTables?.map((t) => t.RouteTableId),
    ),
    list("ec2 security group", ec2.paginateDescribeSecurityGroups(at, {}), (p) =>
      p.SecurityGroups?.map((g) => g.GroupId),
    ),
  ]);
  return lists.flat();
}

async function machines(client: ec2.EC2Client): Promise<string[]> {
  const at = { client };
  const lists = await Promise.all([
    list("ec2 launch template", ec2.paginateDescribeLaunchTemplates(at, {}), (p) =>
      p.LaunchTemplates?.map((t) => t.LaunchTemplateId),
    ),
    list("ec2 fleet", ec2.paginateDescribeFleets(at, {}), (p) =>
      p.Fleets?.filter((f) => !f.FleetState?.startsWith("deleted")).map((f) => f.FleetId),
    ),
    list("ec2 instance", ec2.paginateDescribeInstances(at, {}), (p) =>
      p.Reservations?.flatMap((r) => r.Instances ?? [])
        .filter((i) => i.State?.Name !== "terminated")
        .map((i) => i.InstanceId),
    ),
    list("ec2 image", ec2.paginateDescribeImages(at, { Owners: ["self"] }), (p) =>
      p.Images?.map((i) => i.ImageId),
    ),
    list("ec2 snapshot", ec2.paginateDescribeSnapshots(at, { OwnerIds: ["self"] }), (p) =>
      p.Snapshots?.map((s) => s.SnapshotId),
    ),
  ]);
  return lists.flat();
}

async function identities(client: iam.IAMClient): Promise<string[]> {
  const at = { client };
  const providers = await client.send(new iam.ListOpenIDConnectProvidersCommand({}));
  const lists = await Promise.all([
    list("iam role", iam.paginateListRoles(at, {}), (p) =>
      p.Roles?.filter((r) => !r.Path?.startsWith("/aws-service-role/")).map((r) => r.RoleName),
    ),
    list("iam instance profile", iam.paginateListInstanceProfiles(at, {}), (p) =>
      p.InstanceProfiles?.map((i) => i.InstanceProfileName),
    ),
    list("iam policy", iam.paginateListPolicies(at, { Scope: "Local" }), (p) =>
      p.Policies?.map((x) => x.PolicyName),
    ),
  ]);
  return [
    ...lists.flat(),
    ...(providers.OpenIDConnectProviderList ?? []).map((p) => `iam identity provider ${p.Arn}`),
  ];
}

async function buckets(client: s3.S3Client): Promise<string[]> {
  const { Buckets = [] } = await client.send(new s3.ListBucketsCommand({}));
  return Buckets.map((b) => `s3 bucket ${b.Name}`);
}

async function records(client: route53.Route53Client): Promise<string[]> {
  const found: string[] = [];
  for await (const { HostedZones = [] } of route53.paginateListHostedZones({ client }, {})) {
    for (const { Id } of HostedZones) found.push(...(await recordsOf(client, Id)));
  }
  return found;
}

async function recordsOf(client: route53.Route53Client, HostedZoneId: string | undefined): Promise<string[]> {
  const found: string[] = [];
  let start: Partial<route53.ListResourceRecordSetsCommandInput> = {};
  for (;;) {
    const page = await client.send(new route53.ListResourceRecordSetsCommand({ HostedZoneId, ...start }));
    const own = (page.ResourceRecordSets ?? []).filter((r) => r.Type !== "NS" && r.Type !== "SOA");
    found.push(...own.map((r) => `route53 ${r.Type} ${r.Name?.replace(/\.$/, "")}`));
    if (!page.IsTruncated) return found;
    start = { StartRecordName: page.NextRecordName, StartRecordType: page.NextRecordType };
  }
}
