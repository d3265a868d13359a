import { bucketName } from "../../agent/site/names.ts";
import type { BootConfig } from "../../user-data/boot-config.ts";
import type { SiteConfig } from "./site-config.ts";

/** What the instances are told of the site, in their user data. `agent` is the SHA-256 of its archive. */
export function bootConfigOf(
  config: SiteConfig,
  where: { account: string; zone: string; agent: string },
): BootConfig {
  const { app, certificate, image } = config;
  return {
    version: 1,
    site: config.site,
    region: config.region,
    account: where.account,
    bucket: bucketName(config.site, where.account, config.region),
    agent: where.agent,
    domain: config.domain,
    aliases: [...config.aliases],
    zone: where.zone,
    app: {
      wsgi: app.wsgi,
      workers: app.workers,
      health: app.health,
      ...(app.static === undefined ? {} : { static: app.static }),
      beforeStart: app.beforeStart.map((step) => (typeof step === "string" ? step : [...step])),
      env: { ...app.env },
      timeout: app.timeout,
    },
    image: { os: image.os, packages: [...image.packages] },
    certificate: {
      source: certificate.source,
      directory: certificate.directory,
      mirrorToAcm: certificate.mirrorToAcm,
      ...(certificate.email === undefined ? {} : { email: certificate.email }),
      ...(certificate.fallbackDirectory === undefined
        ? {}
        : { fallbackDirectory: certificate.fallbackDirectory }),
      ...(certificate.kmsKey === undefined ? {} : { kmsKey: certificate.kmsKey }),
      ...(certificate.wildcard ? { wildcard: true } : {}),
      ...(certificate.arn === undefined ? {} : { arn: certificate.arn }),
    },
    dns: { ...config.dns },
    // Left out as long as it is not asked for: user data that changes would mean a new launch template.
    ...(config.fleet.bridge ? { bridge: true } : {}),
    ...(config.notify === undefined ? {} : { notify: { ...config.notify } }),
    hsts: app.hsts,
  };
}
