import { type Channel, channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { type ImageNote, imageDocument } from "../../agent/site/documents/image-note.ts";
import { type SiteState, siteDocument } from "../../agent/site/documents/site-state.ts";
import { type Fence, parseFence } from "../../agent/site/fence.ts";
import { challengeRecord, fenceRecord, keys } from "../../agent/site/names.ts";
import type { BakedImage } from "../aws/baked-images.ts";
import type { BucketSeen } from "../aws/bucket.ts";
import type { Aws } from "../aws/connect.ts";
import type { DnsRecord, HostedZone } from "../aws/dns.ts";
import type { FleetSeen } from "../aws/fleets.ts";
import type { InstanceSeen } from "../aws/instances.ts";
import type { NetworkSeen } from "../aws/network-look.ts";
import type { RoleSeen } from "../aws/roles.ts";
import type { TemplateSeen, VersionSeen } from "../aws/templates.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { PublicDns } from "../operator/resolver.ts";
import type { Image } from "../wanted/image.ts";
import { parseVersion } from "../wanted/template.ts";
import { newestBaked } from "./choose.ts";
import { chooseZone, upTo } from "./zone.ts";

/** What is in AWS under the site's tag and names. */
export interface SiteSeen {
  network: NetworkSeen;
  bucket: BucketSeen | undefined;
  roles: RoleSeen;
  templates: TemplateSeen[];
  /** Including deleted ones, as long as EC2 shows them. */
  fleets: FleetSeen[];
  instances: InstanceSeen[];
  /** The site's own images, newest first. */
  images: BakedImage[];
  state: SiteState | undefined;
  channel: Channel | undefined;
  imageNote: ImageNote | undefined;
}

/** Those of the domain's records that concern the site. */
export interface DnsSeen {
  zone: HostedZone;
  /** Other public zones of the account with the same name. */
  twins: HostedZone[];
  /** Records of any type at the domain, its aliases, the fence's and the challenges' names, and at all above them. */
  records: DnsRecord[];
  fence: Fence | undefined;
  /** Whether an instance of this site holds the fence; false if there is no fence. */
  ours: boolean;
}

/** @param settled waits until no fleet is being changed, for callers that plan from what it shows. */
export async function observeSite(aws: Aws, { settled = false } = {}): Promise<SiteSeen> {
  const [network, bucket, roles, templates, fleets, instances, images] = await Promise.all([
    aws.network.look(),
    aws.bucket.look(),
    aws.roles.look(),
    aws.templates.look(),
    aws.fleets[settled ? "settled" : "look"](),
    aws.instances.look(),
    aws.bakedImages.look(),
  ]);
  const [state, channel, imageNote] =
    bucket === undefined
      ? [undefined, undefined, undefined]
      : await Promise.all([
          readDocument(aws.store, siteDocument),
          readDocument(aws.store, channelDocument),
          readDocument(aws.store, imageDocument),
        ]);
  return {
    network,
    bucket,
    roles,
    templates,
    fleets,
    instances,
    images,
    state: state?.value,
    channel: channel?.value,
    imageNote: imageNote?.value,
  };
}

export async function observeDns(
  config: SiteConfig,
  aws: Aws,
  publicDns: PublicDns,
  seen: SiteSeen,
): Promise<DnsSeen | undefined> {
  const chosen = await chooseZone(config.domain, aws, publicDns);
  if (chosen === undefined) return undefined;
  const { zone, twins } = chosen;
  return { zone, twins, ...(await observeZone(config, aws, zone, seen)) };
}

/** What a zone says of the site. */
export async function observeZone(
  config: SiteConfig,
  aws: Aws,
  zone: HostedZone,
  seen: SiteSeen,
): Promise<Pick<DnsSeen, "records" | "fence" | "ours">> {
  const names = [config.domain, ...config.aliases];
  const inZone = [fenceRecord(config.domain), ...names, ...names.map(challengeRecord)].flatMap((name) =>
    upTo(zone.name, name),
  );
  const records = await aws.dns.recordsAt(zone.id, [...new Set(inZone)]);
  const text = records.find((r) => r.name === fenceRecord(config.domain) && r.type === "TXT")?.values[0];
  const fence = parseFence(text?.replace(/^"|"$/g, "") ?? "");
  return { records, fence, ours: fence !== undefined && (await isOurs(fence, aws, seen)) };
}

/** Whether the fence names an instance that runs, or has run, for this site. */
async function isOurs(fence: Fence, aws: Aws, seen: SiteSeen): Promise<boolean> {
  if (seen.state?.owner === fence.owner || seen.instances.some((i) => i.id === fence.owner)) return true;
  if (seen.bucket === undefined) return false;
  return (await aws.store.head(keys.boot(fence.owner))) !== undefined;
}

/** What the account and the region offer, apart from the site. */
export interface World {
  zones: { zone: string; types: string[] }[];
  image: Image | undefined;
  /** Set where `image` is the site's own. */
  baked: { base: string; stock: Image } | undefined;
  /** Debian's newest image; undefined when AWS has none for the system and architecture. */
  newestImage: string | undefined;
  /** Debian's image that the newest takes the place of for its age; undefined when it does not. */
  outdated: Image | undefined;
  serviceRoles: { service: string; role: string; exists: boolean }[];
  nameServers: string[];
}

/** Must exist before the first fleet (EC2 User Guide, "Service-linked roles for EC2 Fleet"). */
const SERVICE_ROLES = [
  { service: "ec2fleet.amazonaws.com", role: "AWSServiceRoleForEC2Fleet" },
  { service: "spot.amazonaws.com", role: "AWSServiceRoleForEC2Spot" },
];

export interface ImageOptions {
  /** Takes Debian's newest image instead of the one the site has. */
  refreshImage: boolean;
  /** The same where Debian's image that the site has was made before this. */
  outdatedBefore?: Date | undefined;
  /** Leaves the site's own image aside, even if there is one. */
  notOwn?: boolean;
}

export async function observeWorld(
  config: SiteConfig,
  aws: Aws,
  known: { seen: SiteSeen; dns: DnsSeen | undefined } & ImageOptions,
): Promise<World> {
  const { dns } = known;
  const [zones, images, serviceRoles, nameServers] = await Promise.all([
    aws.market.zones(config.fleet.types),
    chooseImage(config, aws, known),
    Promise.all(SERVICE_ROLES.map(async (r) => ({ ...r, exists: await aws.roles.hasServiceRole(r.role) }))),
    dns === undefined ? [] : aws.dns.nameServers(dns.zone.id),
  ]);
  return { zones, ...images, serviceRoles, nameServers };
}

/**
 * Debian publishes an image every few weeks; the site stays with the one it has as long as that exists and is not too
 * old, so that an unchanged site stays unchanged. Of an image that it has, it launches its own newest image; without
 * one, or once it is gone, Debian's.
 */
async function chooseImage(
  config: SiteConfig,
  aws: Aws,
  { seen, refreshImage, outdatedBefore, notOwn }: { seen: SiteSeen } & ImageOptions,
): Promise<Pick<World, "image" | "baked" | "newestImage" | "outdated">> {
  const { os } = config.image;
  const { arch, disk } = config.fleet;
  const find = async (id: string | undefined) => (id === undefined ? undefined : aws.images.find(id));
  const [launched, newestImage] = await Promise.all([launchedBy(aws, seen), aws.images.newest(os, arch)]);
  const version = parseVersion(launched?.description);
  const fits = version?.os === os && version.arch === arch;
  const had = fits ? (version.baked?.base ?? launched?.image) : undefined;
  const kept = refreshImage ? undefined : await find(had);
  const old = kept !== undefined && outdatedBefore !== undefined && kept.created < outdatedBefore;
  const newest = kept === undefined || (old && newestImage !== had) ? await find(newestImage) : undefined;
  const stock = newest ?? kept;
  const own = notOwn === true ? undefined : newestBaked(seen.images, { base: stock?.id, arch, disk });
  const outdated = newest === undefined ? undefined : kept;
  if (own === undefined || stock === undefined)
    return { image: stock, baked: undefined, newestImage, outdated };
  return { image: own, baked: { base: own.base, stock }, newestImage, outdated };
}

/**
 * The version of the launch template that the fleet launches by. The newest may be another: that of a deploy whose
 * instance did not serve, which says nothing of what the site has.
 */
async function launchedBy(aws: Aws, seen: SiteSeen): Promise<VersionSeen | undefined> {
  const [template] = seen.templates;
  if (template === undefined) return undefined;
  const version = seen.fleets.find((f) => f.alive && !f.bridge)?.template?.version;
  if (version === undefined || version === template.latest.version) return template.latest;
  return (await aws.templates.version(template.id, version)) ?? template.latest;
}
