import { resourceName } from "../../agent/site/names.ts";
import { renderUserData } from "../../user-data/render.ts";
import { bootConfigOf } from "../config/boot-config.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { bucketPolicy, type LifecycleRule, lifecycle } from "./bucket-rules.ts";
import { withCertificate } from "./certificate.ts";
import type { Image } from "./image.ts";
import { instancePolicy, instanceTrust } from "./instance-policy.ts";
import type { PolicyDocument } from "./policy.ts";
import { creditsAtLaunch, type TemplateData } from "./template.ts";

/** What the site is to be, apart from ids that AWS assigns. */
export interface Wanted {
  site: string;
  folder: string;
  bucket: { name: string; policy: PolicyDocument; lifecycle: readonly LifecycleRule[] };
  /** `otherwise`: the policy if the site had an image of its own, where it has none, and the other way round. */
  role: { trust: PolicyDocument; policy: PolicyDocument; otherwise: PolicyDocument };
  /** Names. */
  randomSecrets: readonly string[];
  /** SHA-256 of the agent's archive. */
  agent: string;
  template: {
    data: TemplateData;
    os: string;
    arch: string;
    /** Set where the image is the site's own: the same with the Debian image below it. */
    stock?: TemplateData | undefined;
    base?: string | undefined;
  };
  /** Zones of the region with those of the site's types that they offer. */
  zones: readonly { zone: string; types: readonly string[] }[];
  region: string;
  maxPrice: number | undefined;
  /** Whether an on-demand instance may bridge a lack of spot capacity. */
  bridge: boolean;
  /** Who is mailed by the site's topic. */
  mail: string | undefined;
  /** USD a month of the whole account, and who is mailed about it. */
  budget: { monthly: number; email: string } | undefined;
}

/** The facts a site is made from, once all are known. */
export interface Facts {
  account: string;
  partition: string;
  bucket: string;
  /** Its id. */
  hostedZone: string;
  image: Image;
  /** Where `image` is the site's own: what it is made from, and what can be launched in its place. */
  baked?: { base: string; stock: Image } | undefined;
  agent: string;
  zones: readonly { zone: string; types: readonly string[] }[];
}

/** @param certificate the ARN of the one that `up` requests from ACM, once it is known. */
export function wantedOf(configured: SiteConfig, facts: Facts, certificate?: string): Wanted {
  const config = withCertificate(configured, facts, certificate);
  const userData = renderUserData(
    bootConfigOf(config, { account: facts.account, zone: facts.hostedZone, agent: facts.agent }),
  );
  const data = (image: Image): TemplateData => ({
    image: image.id,
    rootDevice: image.rootDevice,
    disk: config.fleet.disk,
    profile: resourceName(config.site),
    userData,
    credits: creditsAtLaunch(config.fleet.types, config.fleet.credits),
  });
  const { baked } = facts;
  const policy = (ownImage: boolean) => instancePolicy(config, { ...facts, baked: ownImage });
  return {
    site: config.site,
    folder: config.folder,
    bucket: { name: facts.bucket, policy: bucketPolicy(facts.bucket, facts.partition), lifecycle },
    role: {
      trust: instanceTrust,
      policy: policy(baked !== undefined),
      otherwise: policy(baked === undefined),
    },
    randomSecrets: config.app.randomSecrets,
    agent: facts.agent,
    template: {
      data: data(facts.image),
      os: config.image.os,
      arch: config.fleet.arch,
      stock: baked && data(baked.stock),
      base: baked?.base,
    },
    zones: facts.zones.filter((z) => z.types.length > 0),
    region: config.region,
    maxPrice: config.fleet.maxPrice,
    bridge: config.fleet.bridge,
    mail: config.notify?.email,
    budget: config.budget && {
      monthly: config.budget.monthly,
      // The rules of everspot.toml hold that there is one.
      email: config.budget.email ?? config.notify?.email ?? "",
    },
  };
}
