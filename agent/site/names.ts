/** Every name everspot gives to something in AWS, in one place. */

export const SITE_TAG = "everspot:site";

/** The one TCP port an old instance is reached on by another of the same site while it forwards (DESIGN §9). */
export const FORWARD_PORT = 8079;

/** Name of the fleet, launch template, role, instance profile, security group, VPC … of a site. */
export const resourceName = (site: string): string => `everspot-${site}`;

/** The log group of a site. */
export const logGroup = resourceName;

/** Bucket names are global: account and region make ours unique. At most 63 characters (S3). */
export const bucketName = (site: string, account: string, region: string): string =>
  `everspot-${site}-${account}-${region}`;

/** The last part of what AWS calls its partitions of regions; it is the second part of every ARN there. */
export const partitionOf = (region: string): string =>
  region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";

/** The SNS topic that mails what a person should know. */
export const topicArn = (site: string, account: string, region: string): string =>
  `arn:${partitionOf(region)}:sns:${region}:${account}:${resourceName(site)}`;

/** SSM Parameter Store path of the app's secrets, with the trailing slash. */
export const secretPath = (site: string): string => `/everspot/${site}/`;

/**
 * What a command of the operator's finds in its environment besides: `<id>.<variable>` below this, deleted after it.
 * Not below the app's own path, or the app would be given them.
 */
export const runSecretPath = (site: string): string => `/everspot-run/${site}/`;

/** The TXT record that fences ownership (DESIGN §8). */
export const fenceRecord = (domain: string): string => `_everspot.${domain}`;

/** The TXT record the CA asks for (RFC 8555 §8.4); a wildcard shares the record of its base name. */
export const challengeRecord = (domain: string): string => `_acme-challenge.${domain.replace(/^\*\./, "")}`;

const SAFE = /^[A-Za-z0-9._-]{1,128}$/;

/** One path segment of a key. @throws RangeError for anything that could leave its prefix. */
function segment(value: string): string {
  if (!SAFE.test(value) || value === "." || value === "..") {
    throw new RangeError(`not usable in a bucket key: ${JSON.stringify(value)}`);
  }
  return value;
}

/** Names of a certificate as one key segment: sorted, joined by "+", `*` written as "_". */
export function certificateSet(names: readonly string[]): string {
  return segmentOfNames([...new Set(names.map((n) => n.toLowerCase()))].sort());
}

function segmentOfNames(names: string[]): string {
  const joined = names.map((n) => n.replace("*", "_")).join("+");
  if (!/^[a-z0-9._+-]{1,600}$/.test(joined) || names.length === 0) {
    throw new RangeError(`not usable as certificate names: ${JSON.stringify(names)}`);
  }
  return joined;
}

/**
 * Keys in the site's bucket, with where it is said what stands in each and how it changes, and who writes it. CAS: only
 * by compare-and-swap, see document.ts.
 *
 * | key | form and transitions | written by |
 * |---|---|---|
 * | `agent/<sha256>.tar` | provisioner/archive/agent-archive.ts | `up`, `deploy`; once |
 * | `layers/packages/<sha256>.tar.gz` | agent/packages/layer.ts | instances; once |
 * | `layers/packages/<key>.json` | layers.ts | instances; CAS |
 * | `releases/<id>.zip` | release.ts, provisioner/release/zip.ts | `up`, `deploy`; once |
 * | `releases/<id>.json` | documents/release-manifest.ts | `up`, `deploy`, after the zip; once |
 * | `static/<release>.zip` | agent/release/earlier-static.ts | instances; once |
 * | `static/<n>/<release>.zip` | agent/release/earlier-static.ts, of the nth of several folders | instances; once |
 * | `looks/<release>.json` | agent/look/remembered.ts | instances, over and over |
 * | `looks/state-drill.json` | state/drilled.ts | the owner, once a week |
 * | `channel.json` | channel.ts | both sides; CAS |
 * | `site.json` | documents/site-state.ts, agent/ownership/claim.ts | instances; `data push`, `data restore` (its epoch alone); CAS |
 * | `bell.json` | runs/bell.ts | whoever writes what instances are to notice; CAS |
 * | `runs/asked/<id>.json` | runs/documents.ts | `run`, `manage`, `shell`; CAS |
 * | `runs/asked/<id>/<n>` | runs/documents.ts | the same; once |
 * | `runs/told/<id>.json` | runs/documents.ts | the owner, once by CAS, then over and over |
 * | `runs/told/<id>/<n>` | runs/output.ts | the owner; once |
 * | `jobs/<name>.json` | jobs/documents.ts, agent/jobs/turn.ts | the owner; whoever began a run, its end; CAS |
 * | `yield.json` | jobs/yield.ts | instances; CAS |
 * | `deploy.json` | documents/deploy-state.ts, provisioner/deploy/lock.ts | `deploy`, `rollback`, `bake`, `data push`, `data restore`; CAS |
 * | `image.json` | documents/image-note.ts | the operator's side; CAS |
 * | `maintenance.json` | documents/maintenance.ts | `maintenance`; CAS |
 * | `packages.json` | layers.ts | the operator's side; CAS |
 * | `replacements.json` | replacements.ts | instances; CAS |
 * | `alerts.json` | alerts/alerts.ts | instances; CAS |
 * | `certificates/<names>/v/<id>` | certificates.ts | the owner; once |
 * | `certificates/<names>/current.json` | certificates.ts | the owner; `certificate --renew`; CAS |
 * | `certificates/<names>/ledger.json` | certificates.ts, certificate-ledger.ts, agent/certificate/ledger.ts | the owner; CAS |
 * | `boots/<instance>.json` | boot-record.ts | the instance, over and over |
 * | `history/<time>-boot-<instance>.json` | boot-record.ts | the instance, of its boot before; once |
 * | `history/<time>-deploy-<id>.json` | provisioner/history/deploys.ts | `deploy`, `rollback` |
 * | `drills.json` | provisioner/history/drills.ts | `drill`; CAS |
 */
export const keys = {
  agent: (sha256: string) => `agent/${segment(sha256)}.tar`,
  layersPrefix: "layers/packages/",
  layer: (sha256: string) => `layers/packages/${segment(sha256)}.tar.gz`,
  layerPointer: (key: string) => `layers/packages/${segment(key)}.json`,
  packageFloor: "packages.json",
  releasePrefix: "releases/",
  releaseZip: (id: string) => `releases/${segment(id)}.zip`,
  releaseManifest: (id: string) => `releases/${segment(id)}.json`,
  /** @param n of the folder of static files; the first one's objects lie beside the folders of the others'. */
  staticPrefix: (n: number) => (n === 0 ? "static/" : `static/${n}/`),
  staticFiles: (release: string, n: number) => `${keys.staticPrefix(n)}${segment(release)}.zip`,
  look: (release: string) => `looks/${segment(release)}.json`,
  stateDrill: "looks/state-drill.json",
  channel: "channel.json",
  site: "site.json",
  bell: "bell.json",
  runAsked: (id: string) => `runs/asked/${segment(id)}.json`,
  runInput: (id: string, part: number) => `runs/asked/${segment(id)}/${part}`,
  runTold: (id: string) => `runs/told/${segment(id)}.json`,
  runOutputs: (id: string) => `runs/told/${segment(id)}/`,
  runOutput: (id: string, part: number) => `runs/told/${segment(id)}/${part}`,
  job: (name: string) => `jobs/${segment(name)}.json`,
  yield: "yield.json",
  deploy: "deploy.json",
  image: "image.json",
  maintenance: "maintenance.json",
  replacements: "replacements.json",
  alerts: "alerts.json",
  drills: "drills.json",
  certificatesPrefix: "certificates/",
  certificate: (names: readonly string[], id: string) =>
    `certificates/${certificateSet(names)}/v/${segment(id)}`,
  certificatePrefix: (names: readonly string[]) => `certificates/${certificateSet(names)}/v/`,
  certificatePointer: (names: readonly string[]) => `certificates/${certificateSet(names)}/current.json`,
  certificateLedger: (names: readonly string[]) => `certificates/${certificateSet(names)}/ledger.json`,
  bootPrefix: "boots/",
  boot: (instance: string) => `boots/${segment(instance)}.json`,
  historyPrefix: "history/",
  /** One object for each thing that happened, in the order of time. @param at ISO 8601. */
  history: (at: string, kind: "boot" | "deploy", id: string) =>
    `history/${segment(at.replaceAll(":", "-"))}-${kind}-${segment(id)}.json`,
} as const;
