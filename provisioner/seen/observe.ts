import { type Channel, channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { type Fence, parseFence } from "../../agent/site/fence.ts";
import { challengeRecord, fenceRecord, keys } from "../../agent/site/names.ts";
import { type LaunchNote, launchDocument, type SiteState, siteDocument } from "../../agent/site/records.ts";
import type { BakedImage } from "../aws/baked-images.ts";
import type { BucketSeen } from "../aws/bucket.ts";
import type { Aws } from "../aws/connect.ts";
import type { DnsRecord, HostedZone } from "../aws/dns.ts";
import type { FleetSeen } from "../aws/fleets.ts";
import type { InstanceSeen } from "../aws/instances.ts";
import type { NetworkSeen } from "../aws/network-look.ts";
import type { RoleSeen } from "../aws/roles.ts";
import type { TemplateSeen } from "../aws/templates.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Image } from "../wanted/image.ts";
import { parseVersion } from "../wanted/template.ts";
import { newestBaked } from "./choose.ts";

/** What is in AWS under the site's tag and names. */
export interface SiteSeen {
  network: NetworkSeen;
  bucket: BucketSeen | undefined;
  roles: RoleSeen;
  templates: TemplateSeen[];
  /** Deleted ones too, as long as EC2 shows them. */
  fleets: FleetSeen[];
  instances: InstanceSeen[];
  /** The site's own images, newest first. */
  images: BakedImage[];
  state: SiteState | undefined;
  channel: Channel | undefined;
  launch: LaunchNote | undefined;
}

/** Of the domain's records, what concerns the site. */
export interface DnsSeen {
  zone: HostedZone;
  /** Records of any type at the domain, its aliases, the fence's and the challenges' names. */
  records: DnsRecord[];
  fence: Fence | undefined;
  /** Whether an instance of this site holds the fence; false also when there is none. */
  ours: boolean;
}

/** @param settled waits until no fleet is being changed, for whoever plans by what it shows. */
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
  const [state, channel, launch] =
    bucket === undefined
      ? [undefined, undefined, undefined]
      : await Promise.all([
          readDocument(aws.store, siteDocument),
          readDocument(aws.store, channelDocument),
          readDocument(aws.store, launchDocument),
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
    launch: launch?.value,
  };
}

export async function observeDns(config: SiteConfig, aws: Aws, seen: SiteSeen): Promise<DnsSeen | undefined> {
  const zone = await aws.dns.zoneOf(config.domain);
  if (zone === undefined) return undefined;
  const names = [config.domain, ...config.aliases];
  const inZone = [...names, fenceRecord(config.domain), ...names.map(challengeRecord)].filter(
    (name) => name === zone.name || name.endsWith(`.${zone.name}`),
  );
  const records = await aws.dns.recordsAt(zone.id, [...new Set(inZone)]);
  const text = records.find((r) => r.name === fenceRecord(config.domain) && r.type === "TXT")?.values[0];
  const fence = parseFence(text?.replace(/^"|"$/g, "") ?? "");
  return { zone, records, fence, ours: fence !== undefined && (await isOurs(fence, aws, seen)) };
}

/** The fence names an instance: one that runs, or has run, for this site. */
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
  serviceRoles: { service: string; role: string; exists: boolean }[];
  nameServers: string[];
}

/** Must exist before the first fleet (EC2 User Guide, "Service-linked roles for EC2 Fleet"). */
const SERVICE_ROLES = [
  { service: "ec2fleet.amazonaws.com", role: "AWSServiceRoleForEC2Fleet" },
  { service: "spot.amazonaws.com", role: "AWSServiceRoleForEC2Spot" },
];

export interface ImageOptions {
  /** Debian's newest image instead of the one the site has. */
  refreshImage: boolean;
  /** Not the site's own image, though there is one. */
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
 * Debian publishes an image every few weeks; the site stays with the one it has as long as that exists, so that
 * an unchanged site stays unchanged. Of an image that it has, it launches its own newest image; without one, or
 * once it is gone, Debian's.
 */
async function chooseImage(
  config: SiteConfig,
  aws: Aws,
  { seen, refreshImage, notOwn }: { seen: SiteSeen } & ImageOptions,
): Promise<Pick<World, "image" | "baked" | "newestImage">> {
  const { os } = config.image;
  const { arch, disk } = config.fleet;
  const latest = seen.templates[0]?.latest;
  const version = parseVersion(latest?.description);
  const fits = version?.os === os && version.arch === arch;
  const had = fits ? (version.baked?.base ?? latest?.image) : undefined;
  const newestImage = await aws.images.newest(os, arch);
  const base = refreshImage ? newestImage : had;
  const kept = base === undefined ? undefined : await aws.images.find(base);
  const stock = kept ?? (newestImage === undefined ? undefined : await aws.images.find(newestImage));
  const own = notOwn === true ? undefined : newestBaked(seen.images, { base, arch, disk });
  if (own === undefined || stock === undefined) return { image: stock, baked: undefined, newestImage };
  return { image: own, baked: { base: own.base, stock }, newestImage };
}
