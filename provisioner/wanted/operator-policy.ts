/**
 * What whoever runs `everspot` must be allowed to do: one row for each kind of thing that its commands call, with the
 * resources and conditions that AWS takes for it. Pure, and made without a look at any account.
 */
import {
  bucketName,
  logGroup,
  partitionOf,
  resourceName,
  runSecretPath,
  SITE_TAG,
  secretPath,
  topicArn,
} from "../../agent/site/names.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { GITHUB_ISSUER } from "./deploy-policy.ts";
import { allow, type PolicyDocument, type Statement } from "./policy.ts";

/** Rows of the table. */
export interface Permission {
  /** What it is for, for a person. */
  why: string;
  statement: Statement;
}

/**
 * Of a managed policy, and of all that is written into one role or permission set; in characters that are no white space
 * (IAM user guide, "IAM and AWS STS quotas"; IAM Identity Center user guide, "Quotas").
 */
export const MANAGED_POLICY_LIMIT = 6144;
export const INLINE_POLICY_LIMIT = 10_240;

/** Names of records may fill so much of it; longer ones are left out, and the policy is wider than it could be. */
const ROOM_FOR_NAMES = 1500;

/** A service-linked role can be made only for its own service. */
const SERVICES = { ec2fleet: "EC2Fleet", spot: "EC2Spot", fis: "FIS" } as const;

/**
 * Actions and what they take: Service Authorization Reference, of each service. The tag of the site, in what is made
 * and on what is there, keeps the policy from the rest of the account wherever AWS looks at tags.
 * @param account "*" where it is not known: names of buckets, roles and tags still are the site's own.
 */
export function operatorPermissions(config: SiteConfig, account: string): Permission[] {
  const { site, region } = config;
  const partition = partitionOf(region);
  const arn = (service: string, what: string, where = region) =>
    `arn:${partition}:${service}:${where}:${account}:${what}`;
  const ec2 = (...types: string[]) => types.map((type) => arn("ec2", `${type}/*`));
  // Images and snapshots carry no account in their ARN.
  const disks = ["image", "snapshot"].map((type) => `arn:${partition}:ec2:${region}::${type}/*`);
  const role = (name: string) => arn("iam", `role/${name}`, "");
  const name = resourceName(site);
  const bucket = `arn:${partition}:s3:::${bucketName(site, account, region)}`;
  const made = { StringEquals: { [`aws:RequestTag/${SITE_TAG}`]: site } };
  const ours = { StringEquals: { [`aws:ResourceTag/${SITE_TAG}`]: site } };
  const kinds = [
    "vpc",
    "internet-gateway",
    "subnet",
    "route-table",
    "security-group",
    "launch-template",
    "fleet",
  ];
  const row = (why: string, statement: Statement, Condition?: Statement["Condition"]): Permission => ({
    why,
    statement: Condition === undefined ? statement : { ...statement, Condition },
  });
  return [
    row(
      "look around: none of these takes a resource, or can be limited to one site",
      allow("Look", LOOKS, "*"),
    ),
    row(
      "make the site's network, launch template and fleets, tagged as its own",
      allow("Make", MAKES, ec2(...kinds)),
      made,
    ),
    row("make an image of the running instance (`bake`)", allow("MakeImage", "ec2:CreateImage", disks), made),
    row("tag what is made, as it is made", allow("TagMade", "ec2:CreateTags", [...ec2(...kinds), ...disks]), {
      StringEquals: { ...made.StringEquals, "ec2:CreateAction": [...MAKES, "ec2:CreateImage"].map(bare) },
    }),
    row(
      "change, read and delete what carries the site's tag",
      allow("ChangeOurs", CHANGES, `arn:${partition}:ec2:${region}:*`),
      ours,
    ),
    row(
      "have a fleet launch instances, which do not exist yet",
      allow("Launch", "ec2:CreateFleet", ec2("instance")),
    ),
    row(
      "disassociate route table and subnet: an association has no tag",
      allow("Disassociate", "ec2:DisassociateRouteTable", "*"),
    ),
    row(
      "manage the roles of the instances, of deploys from GitHub and of drills",
      allow("Roles", ROLE_ACTIONS.map(iam), [role(name), role(`${name}-deploy`), role(`${name}-drill`)]),
    ),
    row(
      "manage the instance profile",
      allow("Profile", PROFILE_ACTIONS.map(iam), arn("iam", `instance-profile/${name}`, "")),
    ),
    row("hand the instances' role to EC2", allow("PassToInstances", "iam:PassRole", role(name)), {
      StringEqualsIfExists: { "iam:PassedToService": "ec2.amazonaws.com" },
    }),
    row(
      "hand the drill's role to the Fault Injection Service",
      allow("PassToDrill", "iam:PassRole", role(`${name}-drill`)),
      { StringEquals: { "iam:PassedToService": "fis.amazonaws.com" } },
    ),
    row(
      "see whether the account has AWS's own roles for fleets and spot instances",
      allow(
        "ServiceRoles",
        "iam:GetRole",
        // They are named without their path, which IAM may not know when it decides.
        ["", "aws-service-role/*/"].map((path) => role(`${path}AWSServiceRoleForEC2*`)),
      ),
    ),
    row(
      "have AWS make them, once per account",
      allow(
        "MakeServiceRoles",
        "iam:CreateServiceLinkedRole",
        Object.entries(SERVICES).map(([service, of]) =>
          role(`aws-service-role/${service}.amazonaws.com/AWSServiceRoleFor${of}`),
        ),
      ),
    ),
    row(
      "let GitHub Actions deploy (`github`): the account's one provider for its tokens",
      allow("GitHub", PROVIDER_ACTIONS.map(iam), arn("iam", `oidc-provider/${GITHUB_ISSUER}`, "")),
    ),
    row(
      "read the domain's hosted zone",
      allow(
        "Zone",
        ["route53:GetHostedZone", "route53:ListResourceRecordSets"],
        `arn:${partition}:route53:::hostedzone/*`,
      ),
    ),
    row(
      "delete the site's records (`down`), and write those by which ACM validates a certificate",
      allow("Records", "route53:ChangeResourceRecordSets", `arn:${partition}:route53:::hostedzone/*`),
      recordConditions([config.domain, ...config.aliases]),
    ),
    row("manage the site's bucket", allow("Bucket", BUCKET_ACTIONS, bucket)),
    row("manage what is in it", allow("Objects", OBJECT_ACTIONS, `${bucket}/*`)),
    row(
      "find Debian's newest image",
      allow("Debian", "ssm:GetParameter", `arn:${partition}:ssm:${region}::parameter/aws/service/debian/*`),
    ),
    row(
      "manage the secrets of the app, and of a command that is run; their values are written, never read",
      allow(
        "Secrets",
        SECRET_ACTIONS,
        [secretPath(site), runSecretPath(site)].flatMap((path) =>
          [`${path}*`, path.replace(/\/$/, "")].map((name) => arn("ssm", `parameter${name}`)),
        ),
      ),
    ),
    row(
      "manage the site's log group, and read it (`logs`)",
      allow("Logs", LOG_ACTIONS, arn("logs", `log-group:${logGroup(site)}:*`)),
    ),
    row(
      "tag it as the site's: by another form of its name",
      allow("TagLogs", "logs:TagResource", arn("logs", `log-group:${logGroup(site)}`)),
    ),
    row(
      "drill: make and start an experiment, tagged as the site's",
      allow(
        "Drill",
        ["fis:CreateExperimentTemplate", "fis:StartExperiment", "fis:TagResource"],
        ["experiment-template/*", "experiment/*", "action/aws:ec2:send-spot-instance-interruptions"].map(
          (what) => arn("fis", what),
        ),
      ),
      made,
    ),
    row(
      "drill: follow the experiment, and delete it",
      allow(
        "DrillEnds",
        ["fis:GetExperiment", "fis:DeleteExperimentTemplate"],
        ["experiment-template/*", "experiment/*"].map((what) => arn("fis", what)),
      ),
      ours,
    ),
    row(
      'request the certificate of `source = "acm"`',
      allow("RequestCertificate", ["acm:RequestCertificate", "acm:AddTagsToCertificate"], "*"),
      made,
    ),
    row(
      "find the site's certificates in ACM among all",
      allow(
        "Certificates",
        ["acm:DescribeCertificate", "acm:ListTagsForCertificate"],
        arn("acm", "certificate/*"),
      ),
    ),
    row(
      "delete them (`down`)",
      allow("DeleteCertificate", "acm:DeleteCertificate", arn("acm", "certificate/*")),
      ours,
    ),
    row(
      "manage the topic that mails (`[notify] email`)",
      allow("Topic", TOPIC_ACTIONS, topicArn(site, account, region)),
    ),
    row("take an address off it, which takes no resource", allow("Unsubscribe", "sns:Unsubscribe", "*")),
    row(
      "manage the budget (`[budget]`)",
      allow(
        "Budget",
        ["budgets:ModifyBudget", "budgets:TagResource", "budgets:ViewBudget"],
        `arn:${partition}:budgets::${account}:budget/${name}`,
      ),
    ),
    row(
      "see what it may do itself (`doctor`)",
      allow("Doctor", "iam:SimulatePrincipalPolicy", arn("iam", "*", "")),
    ),
  ];
}

/** The whole table as one document. */
export const operatorPolicy = (permissions: readonly Permission[]): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: permissions.map(({ statement }) => statement),
});

/** The same in parts that IAM takes as managed policies, each as full as may be. */
export function managedPolicies(permissions: readonly Permission[]): PolicyDocument[] {
  const documents: PolicyDocument[] = [];
  for (const { statement } of permissions) {
    const last = documents.at(-1);
    const longer = last && { ...last, Statement: [...last.Statement, statement] };
    if (longer !== undefined && sizeOf(longer) <= MANAGED_POLICY_LIMIT)
      documents[documents.length - 1] = longer;
    else documents.push({ Version: "2012-10-17", Statement: [statement] });
  }
  return documents;
}

/** As IAM counts: without white space. */
export const sizeOf = (document: PolicyDocument): number =>
  JSON.stringify(document).replace(/\s/g, "").length;

const LOOKS = [
  "ec2:DescribeAvailabilityZones",
  "ec2:DescribeFleetHistory",
  "ec2:DescribeFleets",
  "ec2:DescribeImages",
  "ec2:DescribeInstanceTypeOfferings",
  "ec2:DescribeInstanceTypes",
  "ec2:DescribeInstances",
  "ec2:DescribeInternetGateways",
  "ec2:DescribeLaunchTemplateVersions",
  "ec2:DescribeLaunchTemplates",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeRouteTables",
  "ec2:DescribeSecurityGroupRules",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeSnapshots",
  "ec2:DescribeSpotInstanceRequests",
  "ec2:DescribeSpotPriceHistory",
  "ec2:DescribeSubnets",
  "ec2:DescribeVolumes",
  "ec2:DescribeVpcs",
  "acm:ListCertificates",
  "fis:ListExperimentTemplates",
  "freetier:GetAccountPlanState",
  "logs:DescribeLogGroups",
  "route53:ListHostedZones",
  "servicequotas:GetServiceQuota",
];

const MAKES = [
  "ec2:CreateVpc",
  "ec2:CreateInternetGateway",
  "ec2:CreateSubnet",
  "ec2:CreateRouteTable",
  "ec2:CreateSecurityGroup",
  "ec2:CreateLaunchTemplate",
  "ec2:CreateFleet",
];

/** Some make a thing inside another, or from it, which is then the one with the tag. */
const CHANGES = [
  "ec2:CreateSubnet",
  "ec2:CreateRouteTable",
  "ec2:CreateSecurityGroup",
  "ec2:CreateFleet",
  "ec2:CreateImage",
  "ec2:CreateLaunchTemplateVersion",
  "ec2:CreateRoute",
  "ec2:AttachInternetGateway",
  "ec2:DetachInternetGateway",
  "ec2:AssociateRouteTable",
  "ec2:AuthorizeSecurityGroupIngress",
  "ec2:RevokeSecurityGroupIngress",
  "ec2:ModifyFleet",
  "ec2:GetConsoleOutput",
  "ec2:TerminateInstances",
  "ec2:DeleteFleets",
  "ec2:DeleteInternetGateway",
  "ec2:DeleteLaunchTemplate",
  "ec2:DeleteLaunchTemplateVersions",
  "ec2:DeleteRouteTable",
  "ec2:DeleteSecurityGroup",
  "ec2:DeleteSnapshot",
  "ec2:DeleteSubnet",
  "ec2:DeleteVolume",
  "ec2:DeleteVpc",
  "ec2:DeregisterImage",
];

const ROLE_ACTIONS = [
  "CreateRole",
  "DeleteRole",
  "DeleteRolePolicy",
  "GetRole",
  "GetRolePolicy",
  "PutRolePolicy",
  "TagRole",
  "UpdateAssumeRolePolicy",
];

const PROFILE_ACTIONS = [
  "AddRoleToInstanceProfile",
  "CreateInstanceProfile",
  "DeleteInstanceProfile",
  "GetInstanceProfile",
  "RemoveRoleFromInstanceProfile",
  "TagInstanceProfile",
];

const PROVIDER_ACTIONS = [
  "AddClientIDToOpenIDConnectProvider",
  "CreateOpenIDConnectProvider",
  "GetOpenIDConnectProvider",
];

const BUCKET_ACTIONS = [
  "s3:CreateBucket",
  "s3:DeleteBucket",
  "s3:GetBucketPolicy",
  "s3:GetBucketPublicAccessBlock",
  "s3:GetBucketTagging",
  "s3:GetBucketVersioning",
  "s3:GetEncryptionConfiguration",
  "s3:GetLifecycleConfiguration",
  "s3:ListBucket",
  "s3:ListBucketVersions",
  "s3:PutBucketPolicy",
  "s3:PutBucketPublicAccessBlock",
  "s3:PutBucketTagging",
  "s3:PutBucketVersioning",
  "s3:PutEncryptionConfiguration",
  "s3:PutLifecycleConfiguration",
];

const OBJECT_ACTIONS = [
  "s3:DeleteObjectTagging",
  "s3:DeleteObjectVersion",
  "s3:GetObject",
  "s3:PutObject",
  "s3:PutObjectTagging",
];

const LOG_ACTIONS = [
  "logs:CreateLogGroup",
  "logs:DeleteLogGroup",
  "logs:DescribeLogStreams",
  "logs:FilterLogEvents",
  "logs:PutRetentionPolicy",
];

const SECRET_ACTIONS = [
  "ssm:AddTagsToResource",
  "ssm:DeleteParameter",
  "ssm:GetParametersByPath",
  "ssm:PutParameter",
];

const TOPIC_ACTIONS = [
  "sns:CreateTopic",
  "sns:DeleteTopic",
  "sns:ListSubscriptionsByTopic",
  "sns:ListTagsForResource",
  "sns:Subscribe",
  "sns:TagResource",
];

const iam = (action: string): string => `iam:${action}`;
const bare = (action: string): string => action.replace(/^.*:/, "");

/**
 * The site's names, and those below them that begin with "_": the fence, a CA's challenges, ACM's validation. `Null`
 * closes the hole of `ForAllValues`, which is true of a request without the key.
 */
function recordConditions(domains: readonly string[]): Statement["Condition"] {
  const key = (part: string) => `route53:ChangeResourceRecordSets${part}`;
  const names = domains.map((name) => name.toLowerCase().replace(/^\*/, "\\052"));
  const all = names.flatMap((name) => [name, `_*.${name}`]);
  const fits = JSON.stringify(all).length <= ROOM_FOR_NAMES;
  return {
    ...(fits && { "ForAllValues:StringLike": { [key("NormalizedRecordNames")]: all } }),
    "ForAllValues:StringEquals": {
      [key("RecordTypes")]: ["A", "CNAME", "TXT"],
      [key("Actions")]: ["DELETE", "UPSERT"],
    },
    Null: { [key("NormalizedRecordNames")]: "false" },
  };
}
