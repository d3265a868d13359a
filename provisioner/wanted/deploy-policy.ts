/** Who may deploy a site from GitHub Actions, and what that role may do. Pure. */
import { bucketName, resourceName, SITE_TAG } from "../../agent/site/names.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { requestsCertificate } from "./certificate.ts";
import { allow, type PolicyDocument, type Statement } from "./policy.ts";

export const GITHUB_ISSUER = "token.actions.githubusercontent.com";
export const GITHUB_AUDIENCE = "sts.amazonaws.com";

/** A branch, or a deployment environment, of one repository. */
export interface Trusted {
  owner: string;
  repository: string;
  /** Numeric ids that GitHub never reuses; any if not given. */
  ownerId?: string;
  repositoryId?: string;
  ref: { branch: string } | { environment: string };
}

/**
 * GitHub has two forms of the `sub` claim: `repo:OWNER/NAME:…`, and since 2026, for new and renamed repositories,
 * `repo:OWNER@ID/NAME@ID:…` with ids that outlive a name (docs.github.com, "OpenID Connect reference"). Both are
 * trusted; with the ids given, only the second.
 */
export function subjectsOf({ owner, repository, ownerId, repositoryId, ref }: Trusted): string[] {
  const what =
    "branch" in ref ? `ref:refs/heads/${ref.branch}` : `environment:${environment(ref.environment)}`;
  const withIds = `repo:${owner}@${ownerId ?? "*"}/${repository}@${repositoryId ?? "*"}:${what}`;
  const exact = ownerId !== undefined && repositoryId !== undefined;
  return exact ? [withIds] : [`repo:${owner}/${repository}:${what}`, withIds];
}

/** GitHub writes colons in the names of environments as %3A. */
const environment = (name: string): string => name.replaceAll(":", "%3A");

export function deployTrust(trusted: Trusted, where: { account: string; partition: string }): PolicyDocument {
  const { owner, repository } = trusted;
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: {
          Federated: `arn:${where.partition}:iam::${where.account}:oidc-provider/${GITHUB_ISSUER}`,
        },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: {
          StringEquals: {
            [`${GITHUB_ISSUER}:aud`]: GITHUB_AUDIENCE,
            // The wildcards of the other form cannot reach beyond this.
            [`${GITHUB_ISSUER}:repository`]: `${owner}/${repository}`,
          },
          StringLike: { [`${GITHUB_ISSUER}:sub`]: subjectsOf(trusted) },
        },
      },
    ],
  };
}

/**
 * What `everspot deploy` and `rollback` do, on this site alone: look, publish, launch, and end an instance of the site.
 * No secret (not even their names: SSM gives them with the values), no record, no certificate, no permission of another role: whoever holds it runs code as the app's user.
 * @param withAgent also new agents, versions of the launch template and images: whoever holds it is root on the site,
 * since user data runs as root, with the instances' role.
 */
export function deployPolicy(
  config: SiteConfig,
  where: { account: string; partition: string; hostedZone: string; template: string },
  withAgent: boolean,
): PolicyDocument {
  const { site, region } = config;
  const { account, partition, hostedZone, template } = where;
  const bucket = `arn:${partition}:s3:::${bucketName(site, account, region)}`;
  const ec2 = (what: string) => `arn:${partition}:ec2:${region}:${account}:${what}`;
  const role = (name: string) => `arn:${partition}:iam::${account}:role/${name}`;
  // Images and snapshots carry no account in their ARN.
  const made = ["image", "snapshot"].map((type) => `arn:${partition}:ec2:${region}::${type}/*`);
  const tagged = (more: Record<string, string> = {}) => ({
    StringEquals: { [`aws:RequestTag/${SITE_TAG}`]: site, ...more },
  });
  const ours = { StringEquals: { [`aws:ResourceTag/${SITE_TAG}`]: site } };
  const code = ["releases/*", "channel.json", "packages.json", "deploy.json", "bell.json", "history/*"];
  const machine = ["agent/*", "image.json"];
  const written = withAgent ? [...machine, ...code] : code;
  const read = [...machine, ...code, "maintenance.json", "site.json", "boots/*", "layers/packages/*"];
  const statements: Statement[] = [
    allow(
      "ReadObjects",
      "s3:GetObject",
      read.map((key) => `${bucket}/${key}`),
    ),
    allow(
      "WriteObjects",
      "s3:PutObject",
      written.map((key) => `${bucket}/${key}`),
    ),
    allow("MarkOldReleases", ["s3:PutObjectTagging", "s3:DeleteObjectTagging"], `${bucket}/releases/*`),
    allow("MarkOldLayers", "s3:PutObjectTagging", `${bucket}/layers/packages/*`),
    allow(
      "LookAtBucket",
      [
        "s3:ListBucket",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetEncryptionConfiguration",
        "s3:GetBucketPolicy",
        "s3:GetLifecycleConfiguration",
      ],
      bucket,
    ),
    // None of these takes a resource (Service Authorization Reference, EC2).
    allow(
      "Look",
      [
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeFleetHistory",
        "ec2:DescribeFleets",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstances",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeSnapshots",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSpotPriceHistory",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "route53:GetHostedZone",
        "route53:ListHostedZones",
      ],
      "*",
    ),
    allow(
      "LookAtZone",
      "route53:ListResourceRecordSets",
      `arn:${partition}:route53:::hostedzone/${hostedZone}`,
    ),
    allow(
      "NewestImage",
      "ssm:GetParameter",
      `arn:${partition}:ssm:${region}::parameter/aws/service/debian/*`,
    ),
    allow(
      "LookAtRoles",
      ["iam:GetRole", "iam:GetRolePolicy", "iam:GetInstanceProfile"],
      [
        role(resourceName(site)),
        `arn:${partition}:iam::${account}:instance-profile/${resourceName(site)}`,
        // They are named without their path, which IAM may not know when it decides.
        role("AWSServiceRoleForEC2Fleet"),
        role("aws-service-role/ec2fleet.amazonaws.com/AWSServiceRoleForEC2Fleet"),
        role("AWSServiceRoleForEC2Spot"),
        role("aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"),
      ],
    ),
    ...certificateStatements(config, where),
    // Why an instance that is never heard of does not come up.
    { ...allow("LookAtConsole", "ec2:GetConsoleOutput", ec2("instance/*")), Condition: ours },
    allow("Launch", "ec2:ModifyFleet", ec2(`launch-template/${template}`)),
    { ...allow("LaunchIn", "ec2:ModifyFleet", [ec2("fleet/*"), ec2("subnet/*")]), Condition: ours },
    {
      ...allow("HandOverRole", "iam:PassRole", role(resourceName(site))),
      Condition: { StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" } },
    },
    ...(withAgent
      ? [
          // The second takes back what a fleet then refuses to launch by.
          allow(
            "NewTemplateVersion",
            ["ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplateVersions"],
            ec2(`launch-template/${template}`),
          ),
          { ...allow("BakeFrom", "ec2:CreateImage", ec2("instance/*")), Condition: ours },
          { ...allow("Bake", "ec2:CreateImage", made), Condition: tagged() },
          {
            ...allow("TagBaked", "ec2:CreateTags", made),
            Condition: tagged({ "ec2:CreateAction": "CreateImage" }),
          },
        ]
      : []),
    // Images that are older than what serves.
    { ...allow("RemoveBaked", ["ec2:DeregisterImage", "ec2:DeleteSnapshot"], made), Condition: ours },
    { ...allow("EndInstances", "ec2:TerminateInstances", ec2("instance/*")), Condition: ours },
  ];
  return { Version: "2012-10-17", Statement: statements };
}

/** To see whether the certificate that `up` requested is as it should be. Lists of ACM take no resource. */
function certificateStatements(
  config: SiteConfig,
  { account, partition }: { account: string; partition: string },
): Statement[] {
  if (!requestsCertificate(config)) return [];
  const any = `arn:${partition}:acm:${config.region}:${account}:certificate/*`;
  return [
    allow("ListCertificates", "acm:ListCertificates", "*"),
    allow("LookAtCertificates", ["acm:DescribeCertificate", "acm:ListTagsForCertificate"], any),
  ];
}
