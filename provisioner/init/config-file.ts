/** everspot.toml as `everspot init` writes it. Pure. */

/** The keys that `init` has something to say about; the rest keep their defaults. */
export interface Draft {
  site: string;
  region: string;
  domain: string;
  app: {
    root?: string;
    /** One of both. */
    wsgi?: string;
    asgi?: string;
    health: string;
    static?: { url: string; folder: string };
    before_start?: string[];
    random_secrets?: string[];
    env?: Record<string, string>;
  };
  state?: { database: string | readonly string[]; media?: string };
  image?: { os?: "debian-12"; packages?: string[] };
  release?: { without: string[] };
}

export function configFile({ site, region, domain, app, state, image, release }: Draft): string {
  const lines = [
    "# Written by `everspot init`. docs/configuration.md and everspot.example.toml explain every key.",
    `site = ${text(site)}`,
    `region = ${text(region)}`,
    "# Its hosted zone must be in Route 53.",
    `domain = ${text(domain)}`,
    "",
    "[app]",
    ...(app.root === undefined ? [] : [`root = ${text(app.root)}`]),
    ...(app.wsgi === undefined ? [] : [`wsgi = ${text(app.wsgi)}`]),
    ...(app.asgi === undefined ? [] : [`asgi = ${text(app.asgi)}`]),
    "# A path that answers 200 when the app is well.",
    `health = ${text(app.health)}`,
    ...(app.static === undefined
      ? []
      : [
          "# nginx serves what collectstatic makes.",
          `static = { url = ${text(app.static.url)}, folder = ${text(app.static.folder)} }`,
        ]),
    ...(app.before_start === undefined
      ? []
      : [
          "# These run one after the other.",
          "before_start = [",
          ...app.before_start.map((c) => `  ${text(c)},`),
          "]",
        ]),
    ...(app.random_secrets === undefined
      ? []
      : [
          "# `everspot up` makes them where they are not set.",
          `random_secrets = [${app.random_secrets.map(text).join(", ")}]`,
        ]),
    ...(app.env === undefined
      ? []
      : ["", "[app.env]", ...Object.entries(app.env).map(([name, value]) => `${name} = ${text(value)}`)]),
    ...(state === undefined
      ? []
      : [
          "",
          "# What the site writes is kept in its bucket, so that it outlives its instance (docs/state.md).",
          "[state]",
          `database = ${typeof state.database === "string" ? text(state.database) : `[${state.database.map(text).join(", ")}]`}`,
          ...(state.media === undefined ? [] : [`media = ${text(state.media)}`]),
        ]),
    ...(image === undefined
      ? []
      : [
          "",
          "[image]",
          ...(image.os === undefined ? [] : [`os = ${text(image.os)}`]),
          ...(image.packages === undefined ? [] : [`packages = [${image.packages.map(text).join(", ")}]`]),
        ]),
    ...(release === undefined
      ? []
      : [
          "",
          "[release]",
          "# Packages that no site needs and that have no wheel.",
          `without = [${release.without.map(text).join(", ")}]`,
        ]),
    "",
  ];
  return lines.join("\n");
}

/** A basic string: JSON's escapes are TOML's. */
const text = (value: string): string => JSON.stringify(value);
