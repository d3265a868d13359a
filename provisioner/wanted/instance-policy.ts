import {
  bucketName,
  challengeRecord,
  fenceRecord,
  logGroup,
  resourceName,
  runSecretPath,
  SITE_TAG,
  secretPath,
  topicArn,
} from "../../agent/site/names.ts";
import { BASE_PREFIX, CHUNK_PREFIX, LOG_PREFIX, MEDIA_PREFIX } from "../../agent/site/state/keys.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { allow, type PolicyDocument, type Statement, usedBy } from "./policy.ts";

/** Only EC2 may hand the role to an instance. */
export const instanceTrust: PolicyDocument = {
  Version: "2012-10-17",
  Statement: [usedBy("ec2.amazonaws.com")],
};

/**
 * What the agent writes; the rest comes from the operator's side and is only read. docs/security.md says what a hostile
 * instance could leave in each of them, and what stops it.
 */
const WRITTEN = [
  "layers/packages/*",
  "channel.json",
  "site.json",
  "deploy.json",
  "bell.json",
  "runs/told/*",
  "jobs/*",
  "yield.json",
  "replacements.json",
  "alerts.json",
  "certificates/*",
  "boots/*",
  "looks/*",
  "static/*",
  "history/*",
];
/**
 * What an instance deletes of the site's state, and what it writes there (STATE §3). IAM cannot tell a fence of the log
 * from its other entries: that fences stay is the cleaner's rule (agent/state/clean.ts). Uploads are never deleted, and
 * the bucket's policy lets no one write over an entry (bucket-rules.ts).
 */
const STATE = {
  written: [`${LOG_PREFIX}*`, `${BASE_PREFIX}*`, `${CHUNK_PREFIX}*`, `${MEDIA_PREFIX}*`],
  deleted: [`${LOG_PREFIX}*`, `${BASE_PREFIX}*`, `${CHUNK_PREFIX}*`],
};
const READ = [
  ...["agent/*", "releases/*", "image.json", "maintenance.json", "packages.json", "runs/asked/*"],
  ...WRITTEN,
];

/**
 * All that an instance of the site may use (DESIGN §2.8): its own objects, without deleting any but what its state needs
 * no more, its own records by name and type, its own fleet and instances, its own secrets.
 * @param where `baked`: whether the site launches an image of its own, which may vanish. Then alone an instance may
 * change what the fleets launch; otherwise only how many.
 */
export function instancePolicy(
  config: SiteConfig,
  where: { account: string; partition: string; hostedZone: string; baked: boolean },
): PolicyDocument {
  const { site, region } = config;
  const { account, partition } = where;
  const bucket = `arn:${partition}:s3:::${bucketName(site, account, region)}`;
  const parameters = [secretPath(site), runSecretPath(site)].flatMap((path) => {
    const arn = `arn:${partition}:ssm:${region}:${account}:parameter${path.replace(/\/$/, "")}`;
    return [arn, `${arn}/*`];
  });
  const ours = { StringEquals: { [`aws:ResourceTag/${SITE_TAG}`]: site } };
  const hostedZone = `arn:${partition}:route53:::hostedzone/${where.hostedZone}`;
  const names = [config.domain, ...config.aliases];
  const written = config.state ? [...WRITTEN, ...STATE.written] : WRITTEN;
  const read = config.state ? [...READ, ...STATE.written] : READ;
  return {
    Version: "2012-10-17",
    Statement: [
      allow(
        "ReadOwnObjects",
        "s3:GetObject",
        read.map((key) => `${bucket}/${key}`),
      ),
      allow(
        "WriteOwnObjects",
        "s3:PutObject",
        written.map((key) => `${bucket}/${key}`),
      ),
      ...(config.state
        ? [
            allow(
              "CleanOwnState",
              "s3:DeleteObject",
              STATE.deleted.map((key) => `${bucket}/${key}`),
            ),
          ]
        : []),
      allow("ListOwnBucket", "s3:ListBucket", bucket),
      recordChanges("OwnSite", hostedZone, [...names, fenceRecord(config.domain)], ["A", "TXT"]),
      recordChanges("AnswerChallenges", hostedZone, unique(names.map(challengeRecord)), ["TXT"]),
      allow("ReadRecords", "route53:ListResourceRecordSets", hostedZone),
      allow("WaitForRecords", "route53:GetChange", `arn:${partition}:route53:::change/*`),
      // These take no resource (Service Authorization Reference, EC2).
      allow(
        "LookAtFleet",
        ["ec2:DescribeInstances", "ec2:DescribeFleets", "ec2:DescribeFleetInstances", "ec2:DescribeImages"],
        "*",
      ),
      {
        ...allow("OwnFleet", "ec2:ModifyFleet", `arn:${partition}:ec2:${region}:${account}:fleet/*`),
        Condition: ours,
      },
      ...(where.baked ? launchStatements(config, where) : []),
      {
        ...allow(
          "OwnInstances",
          ["ec2:TerminateInstances", "ec2:ModifyInstanceCreditSpecification"],
          `arn:${partition}:ec2:${region}:${account}:instance/*`,
        ),
        Condition: ours,
      },
      allow("OwnSecrets", ["ssm:GetParametersByPath", "ssm:GetParameters"], parameters),
      ...(config.notify?.email === undefined
        ? []
        : [allow("MailNotices", "sns:Publish", topicArn(site, account, region))]),
      // The second tells whether a call came whose answer was lost.
      allow(
        "OwnLog",
        ["logs:CreateLogStream", "logs:PutLogEvents", "logs:FilterLogEvents"],
        `arn:${partition}:logs:${region}:${account}:log-group:${logGroup(site)}:*`,
      ),
      ...certificateStatements(config, where),
    ],
  };
}

/** To launch from another version of the template when the image of the newest is gone. */
function launchStatements(
  { site, region }: SiteConfig,
  { account, partition }: { account: string; partition: string },
): Statement[] {
  return [
    {
      ...allow(
        "LaunchByAnotherVersion",
        "ec2:ModifyFleet",
        ["launch-template", "subnet"].map((type) => `arn:${partition}:ec2:${region}:${account}:${type}/*`),
      ),
      Condition: { StringEquals: { [`aws:ResourceTag/${SITE_TAG}`]: site } },
    },
    {
      ...allow(
        "LaunchWithOwnRole",
        "iam:PassRole",
        `arn:${partition}:iam::${account}:role/${resourceName(site)}`,
      ),
      Condition: { StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" } },
    },
  ];
}

/**
 * The keys hold every value of a batch, so one batch must fit one statement. `Null` closes the hole of
 * `ForAllValues`, which is true of a request without the key.
 */
function recordChanges(
  Sid: string,
  hostedZone: string,
  names: readonly string[],
  types: readonly string[],
): Statement {
  const key = (part: string) => `route53:ChangeResourceRecordSets${part}`;
  return {
    ...allow(Sid, "route53:ChangeResourceRecordSets", hostedZone),
    Condition: {
      "ForAllValues:StringEquals": {
        [key("NormalizedRecordNames")]: names.map((name) => name.toLowerCase()),
        [key("RecordTypes")]: [...types],
        [key("Actions")]: ["CREATE", "DELETE", "UPSERT"],
      },
      Null: { [key("NormalizedRecordNames")]: "false" },
    },
  };
}

function certificateStatements(
  { site, region, certificate }: SiteConfig,
  { account, partition }: { account: string; partition: string },
): Statement[] {
  const statements: Statement[] = [];
  if (certificate.kmsKey !== undefined) {
    statements.push(allow("CertificateKey", ["kms:Decrypt", "kms:GenerateDataKey"], certificate.kmsKey));
  }
  if (certificate.source === "acm" && certificate.arn !== undefined) {
    const actions = ["acm:DescribeCertificate", "acm:ExportCertificate"];
    statements.push(allow("ExportCertificate", actions, certificate.arn));
  }
  if (certificate.mirrorToAcm) {
    const any = `arn:${partition}:acm:${region}:${account}:certificate/*`;
    // The first import makes a certificate and tags it; later ones replace the one that carries the tag.
    statements.push(
      {
        ...allow("FirstImport", ["acm:ImportCertificate", "acm:AddTagsToCertificate"], any),
        Condition: { StringEquals: { [`aws:RequestTag/${SITE_TAG}`]: site } },
      },
      {
        ...allow("NextImports", ["acm:ImportCertificate", "acm:DescribeCertificate"], any),
        Condition: { StringEquals: { [`aws:ResourceTag/${SITE_TAG}`]: site } },
      },
    );
  }
  return statements;
}

const unique = (list: readonly string[]): string[] => [...new Set(list)];
