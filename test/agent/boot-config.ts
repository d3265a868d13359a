import type { BootConfig } from "../../user-data/boot-config.ts";

/** A boot configuration with these values. */
export function bootConfigOf(
  more: Partial<Omit<BootConfig, "app">> & { app?: Partial<BootConfig["app"]> } = {},
): BootConfig {
  const { app, ...rest } = more;
  return {
    version: 2,
    site: "blog",
    region: "eu-west-1",
    account: "123456789012",
    bucket: "everspot-blog-123456789012-eu-west-1",
    agent: "a".repeat(64),
    domain: "blog.example",
    aliases: [],
    zone: "Z0123456789",
    app: {
      wsgi: "project.wsgi:application",
      workers: 2,
      paths: {},
      headers: {},
      health: "/healthz",
      beforeStart: [],
      env: {},
      timeout: 5,
      hsts: 0,
      maxBody: 32,
      strict: false,
      ...app,
    },
    fleet: { bridge: false, credits: "boot" },
    image: { os: "debian-13", packages: [] },
    certificate: {
      source: "letsencrypt",
      directory: "https://acme.example/directory",
      mirrorToAcm: false,
      wildcard: false,
    },
    dns: { ttl: 60, drain: 90 },
    logs: { maxMbPerDay: 150 },
    ...rest,
  };
}
