import type { SiteFile } from "./schema.ts";

export type Arch = "x86_64" | "arm64";

/** One site as `everspot.toml` asks for it, a stage's overrides applied, every default filled in. */
export interface SiteConfig {
  /** Absolute path of the file it was read from, and the project's folder: where that file is. */
  file: string;
  folder: string;
  stage: string | undefined;
  site: string;
  region: string;
  domain: string;
  aliases: readonly string[];
  app: {
    wsgi: string;
    workers: number;
    health: string;
    /** Seconds. */
    timeout: number;
    /** Seconds of Strict-Transport-Security; 0 sends none. */
    hsts: number;
    static: { url: string; folder: string } | undefined;
    /** In this order; those in a list of their own side by side. */
    beforeStart: readonly (string | readonly string[])[];
    env: Readonly<Record<string, string>>;
  };
  fleet: {
    arch: Arch;
    types: readonly string[];
    /** USD per hour. */
    maxPrice: number | undefined;
    /** Whether an on-demand instance may bridge while there is no spot capacity. */
    bridge: boolean;
    /** GB. */
    disk: number;
  };
  image: { os: "debian-13" | "debian-12"; packages: readonly string[] };
  certificate: {
    source: "letsencrypt" | "acm";
    email: string | undefined;
    directory: string;
    fallbackDirectory: string | undefined;
    kmsKey: string | undefined;
    arn: string | undefined;
    mirrorToAcm: boolean;
    wildcard: boolean;
  };
  /** Seconds. */
  dns: { ttl: number; drain: number };
  /** Webhook for what a person should know at once. */
  notify: { url: string } | undefined;
  /** `allow`: files that look like secrets and may go into a release, patterns as in .gitignore. */
  release: { allow: readonly string[] };
}

/** Several types with at least 1 GB of memory: the more pools, the fewer interruptions. */
const DEFAULT_TYPES: Record<Arch, readonly string[]> = {
  x86_64: ["t3a.micro", "t3.micro", "t3a.small", "t3.small"],
  arm64: ["t4g.micro", "t4g.small", "t4g.medium"],
};

/** Graviton families have a `g` right after the generation (t4g, c7gn, im4gn), and there is a1. */
export const archOfType = (type: string): Arch =>
  /^(a1|[a-z]+\d+g[a-z]*)\./.test(type) ? "arm64" : "x86_64";

export function resolve(
  file: SiteFile,
  from: { file: string; folder: string; stage: string | undefined },
): SiteConfig {
  const { app, fleet, certificate } = file;
  const firstType = fleet.types?.[0];
  const arch = fleet.arch ?? (firstType === undefined ? "x86_64" : archOfType(firstType));
  return {
    ...from,
    site: from.stage === undefined ? file.site : stageSite(file.site, from.stage),
    region: file.region,
    domain: file.domain,
    aliases: file.aliases,
    app: {
      wsgi: app.wsgi,
      workers: app.workers,
      health: app.health,
      timeout: app.timeout,
      hsts: app.hsts,
      static: app.static,
      beforeStart: app.before_start,
      env: app.env,
    },
    fleet: {
      arch,
      types: fleet.types ?? DEFAULT_TYPES[arch],
      maxPrice: fleet.max_price,
      bridge: fleet.bridge,
      disk: fleet.disk,
    },
    image: file.image,
    certificate: {
      source: certificate.source,
      email: certificate.email,
      directory: certificate.directory,
      fallbackDirectory: certificate.fallback_directory,
      kmsKey: certificate.kms_key,
      arn: certificate.arn,
      mirrorToAcm: certificate.mirror_to_acm,
      wildcard: certificate.wildcard,
    },
    dns: file.dns,
    notify: file.notify,
    release: file.release,
  };
}

/** A stage is a site of its own beside the main one. */
export const stageSite = (site: string, stage: string): string => `${site}-${stage}`;
