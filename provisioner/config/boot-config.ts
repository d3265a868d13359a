import { bucketName, topicArn } from "../../agent/site/names.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { BootConfig } from "../../user-data/boot-config.ts";
import type { SiteConfig } from "./site-config.ts";

/** What the instances learn of the site from their user data. `agent` is the SHA-256 of its archive. */
export function bootConfigOf(
  config: SiteConfig,
  where: { account: string; zone: string; agent: string },
): BootConfig {
  const { site, region, domain, aliases, fleet, image, certificate, dns, logs, state, notify } = config;
  const { root: _, randomSecrets: __, ...app } = config.app;
  return {
    version: 2,
    ...where,
    bucket: bucketName(site, where.account, region),
    site,
    region,
    domain,
    aliases,
    app,
    fleet: { bridge: fleet.bridge, credits: fleet.credits },
    image: { os: image.os, packages: image.packages },
    certificate,
    dns,
    logs,
    state,
    notify:
      notify &&
      omitUndefined({
        url: notify.url,
        topic: notify.email === undefined ? undefined : topicArn(site, where.account, region),
      }),
    schedule: orNone(config.schedule),
    worker: orNone(config.worker),
  };
}

const orNone = <T extends object>(table: T): T | undefined =>
  Object.keys(table).length === 0 ? undefined : table;
