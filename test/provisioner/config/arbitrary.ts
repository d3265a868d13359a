/** Configurations that everspot.toml can hold and that are accepted: plausible values among those that break things. */
import fc, { type Arbitrary } from "fast-check";
import { stringify } from "smol-toml";
import type { core } from "zod/mini";
import { EverspotError } from "../../../agent/site/errors.ts";
import { bootConfigOf } from "../../../provisioner/config/boot-config.ts";
import { schemaAt } from "../../../provisioner/config/keys.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { siteFile } from "../../../provisioner/config/schema.ts";
import type { BootConfig } from "../../../user-data/boot-config.ts";

/** What nginx, systemd, a shell, TOML or a URL may take for something else. */
const ODD = [..." ~+@._-;{}#%()*\\$`|&<>,'\"!?=:[]^\t\n\u0001\u007f\u0085üß中😀"];
const UNIT = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(..."abcZ09") },
  { weight: 2, arbitrary: fc.constantFrom(...ODD) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("..", "%20", "%c3%9f", "%2e", "$uri", "$" + "{A}", "$(id)", "//", "@BUCKET@"),
  },
);
const odd = (most: number) => fc.string({ unit: UNIT, minLength: 1, maxLength: most });
const anything = fc.oneof(
  { weight: 3, arbitrary: odd(40) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
);

/** Those that the schema takes at this place: most others would only be refused. */
function taken<T>(from: Arbitrary<T>, ...path: string[]): Arbitrary<T> {
  const schema = schemaAt(siteFile, path) as core.$ZodType & {
    safeParse(value: unknown): { success: boolean };
  };
  return from.filter((value) => schema.safeParse(value).success);
}

const label = fc.oneof(
  fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
  fc.stringMatching(/^[a-z0-9]{55,63}$/),
);
const domain = fc
  .array(label, { minLength: 1, maxLength: 4 })
  .map((labels) => [...labels, "example"].join("."));
const word = fc.stringMatching(/^[A-Za-z_]\w{0,10}$/);
const parts = (most: number) => fc.array(odd(12), { minLength: 1, maxLength: most });

const folders = fc.record({
  url: parts(3).map((names) => `/${names.join("/")}/`),
  folder: parts(3).map((names) => names.join("/")),
});
const module = fc.tuple(word, word, word).map(([a, b, c]) => `${a}.${b}:${c}`);

const app = fc.record(
  {
    wsgi: module,
    workers: fc.integer({ min: 1, max: 64 }),
    timeout: fc.integer({ min: 1, max: 3600 }),
    hsts: fc.integer({ min: 0, max: 63_072_000 }),
    max_body: fc.integer({ min: 1, max: 2048 }),
    strict: fc.boolean(),
    health: taken(
      odd(30).map((path) => `/${path}`),
      "app",
      "health",
    ),
    static: taken(fc.oneof(folders, fc.array(folders, { minLength: 1, maxLength: 3 })), "app", "static"),
    threads: fc.integer({ min: 1, max: 64 }),
    paths: taken(
      fc.dictionary(
        odd(20).map((path) => `/${path}`),
        fc.record(
          { max_body: fc.integer({ min: 1, max: 2048 }), timeout: fc.integer({ min: 1, max: 3600 }) },
          { requiredKeys: [] },
        ),
        { maxKeys: 3 },
      ),
      "app",
      "paths",
    ),
    headers: taken(
      fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,15}$/), odd(30), { maxKeys: 3 }),
      "app",
      "headers",
    ),
    before_start: taken(
      fc.array(fc.oneof(anything, fc.array(anything, { minLength: 1, maxLength: 3 })), { maxLength: 3 }),
      "app",
      "before_start",
    ),
    env: fc
      .array(fc.tuple(word, anything), { maxLength: 4 })
      .map((pairs) => pairs.filter(([name, value]) => acceptable({ [name]: value })))
      .map((pairs) => Object.fromEntries(pairs)),
  },
  { requiredKeys: ["wsgi"] },
);

const environment = schemaAt(siteFile, ["app", "env"]) as {
  safeParse(value: unknown): { success: boolean };
} & core.$ZodType;
const acceptable = (value: Record<string, string>): boolean => environment.safeParse(value).success;

const raw = fc.record(
  {
    site: fc.constant("blog"),
    region: fc.constantFrom("us-east-1", "cn-north-1", "us-gov-west-1"),
    domain: taken(domain, "domain"),
    aliases: taken(fc.uniqueArray(domain, { maxLength: 20 }), "aliases"),
    app,
    image: fc.record({ os: fc.constantFrom("debian-12", "debian-13") }),
    notify: fc.record({
      url: taken(
        odd(20).map((path) => `https://hooks.example/${path}`),
        "notify",
        "url",
      ),
    }),
    certificate: fc.record({
      email: taken(
        odd(10).map((name) => `${name}@example.com`),
        "certificate",
        "email",
      ),
    }),
  },
  { requiredKeys: ["site", "region", "domain", "app"] },
);

/** What an instance knows of a site that `plan` accepts. */
export const acceptedConfig: Arbitrary<BootConfig> = fc
  .tuple(raw, fc.boolean(), fc.boolean())
  .map(([{ app, ...rest }, speaksAsgi, redirects]) => {
    const { wsgi, ...others } = app;
    const runs = speaksAsgi ? { asgi: wsgi } : { wsgi };
    const to = rest.aliases?.at(-1) ?? rest.domain;
    const table = { ...rest, app: { ...others, ...runs, ...(redirects && { redirect_to: to }) } };
    try {
      const config = parseConfig(stringify(table), "/project/everspot.toml");
      return bootConfigOf(config, { account: "123456789012", zone: "Z0123456789", agent: "a".repeat(64) });
    } catch (error) {
      // Two keys that do not go together.
      if (error instanceof EverspotError) return undefined;
      throw error;
    }
  })
  .filter((config) => config !== undefined);
