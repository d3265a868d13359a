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
import { anything, odd, some, taken, whole } from "./odd.ts";

const label = fc.oneof(
  fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
  fc.stringMatching(/^[a-z0-9]{55,63}$/),
);
const domain = fc
  .array(label, { minLength: 1, maxLength: 4 })
  .map((labels) => [...labels, "example"].join("."));
const word = fc.stringMatching(/^[A-Za-z_]\w{0,10}$/);
const parts = (most: number) => fc.array(odd(12), { minLength: 1, maxLength: most });
const inside = parts(3).map((names) => names.join("/"));
const email = (...path: string[]) =>
  taken(
    odd(10).map((name) => `${name}@example.com`),
    ...path,
  );

/** Some are one another's, or everspot's own, in other words. */
const MEETING = ["/static/", "/st%61tic/", "/media/", "/m%65dia/", "/media/a/", "/.everspot-uploads/"];
const meeting = { weight: 1, arbitrary: fc.constantFrom(...MEETING) };
const url = fc.oneof({ weight: 2, arbitrary: parts(3).map((names) => `/${names.join("/")}/`) }, meeting);
const folders = fc.record({ url, folder: inside });
const module = fc.tuple(word, word, word).map(([a, b, c]) => `${a}.${b}:${c}`);
const limits = some({ max_body: whole(1, 2048), timeout: whole(1, 3600) });
const path = odd(20).map((text) => `/${text}`);

const environment = schemaAt(siteFile, ["app", "env"]) as {
  safeParse(value: unknown): { success: boolean };
} & core.$ZodType;
const acceptable = (value: Record<string, string>): boolean => environment.safeParse(value).success;

const app = fc.record(
  {
    wsgi: module,
    workers: whole(1, 64),
    timeout: whole(1, 3600),
    hsts: whole(0, 63_072_000),
    max_body: whole(1, 2048),
    strict: fc.boolean(),
    health: taken(
      fc.oneof({ weight: 5, arbitrary: odd(30).map((text) => `/${text}`) }, meeting),
      "app",
      "health",
    ),
    static: taken(fc.oneof(folders, fc.array(folders, { minLength: 1, maxLength: 3 })), "app", "static"),
    threads: whole(1, 64),
    paths: taken(
      fc.dictionary(fc.oneof({ weight: 3, arbitrary: path }, meeting), limits, { maxKeys: 3 }),
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
    root: taken(inside, "app", "root"),
    random_secrets: taken(fc.array(word, { maxLength: 3 }), "app", "random_secrets"),
  },
  { requiredKeys: ["wsgi"] },
);

const TYPES = {
  x86_64: ["t3.micro", "t3a.small", "m7i-flex.large"],
  arm64: ["t4g.micro", "c7gn.medium"],
} as const;
const fleet = fc.constantFrom("x86_64", "arm64").chain((arch) =>
  some({
    arch: fc.constant(arch),
    types: fc.subarray<string>([...TYPES[arch]], { minLength: 1 }),
    max_price: fc.double({ min: 0.0001, max: 100, noNaN: true }),
    bridge: fc.boolean(),
    credits: taken(fc.constantFrom("boot", "standard", "unlimited"), "fleet", "credits"),
    disk: whole(8, 1024),
  }),
);

/** A certificate authority's, or AWS's. */
const acme = (...key: string[]) =>
  taken(
    odd(15).map((text) => `https://acme.example/${text}`),
    "certificate",
    ...key,
  );
const AWS = "us-east-1:123456789012";
const issued = {
  email: email("certificate", "email"),
  directory: acme("directory"),
  fallback_directory: acme("fallback_directory"),
  kms_key: fc.stringMatching(/^[\w-]{1,36}$/).map((id) => `arn:aws:kms:${AWS}:key/${id}`),
  mirror_to_acm: fc.boolean(),
};
const certificate = fc.oneof(
  some({ ...issued, source: fc.constant("letsencrypt"), wildcard: fc.boolean() }),
  fc.record(
    {
      ...issued,
      source: fc.constant("acm"),
      arn: fc.stringMatching(/^[\w-]{1,36}$/).map((id) => `arn:aws:acm:${AWS}:certificate/${id}`),
    },
    { requiredKeys: ["source"] },
  ),
);

const name = fc.oneof(
  { weight: 4, arbitrary: inside },
  { weight: 1, arbitrary: fc.constantFrom("data", "data/a", "media/a") },
);
const kept = fc.oneof(
  name,
  name.map((one) => `$STATE_DIRECTORY/${one}`),
);
const state = fc.record(
  {
    database: taken(fc.oneof(kept, fc.array(kept, { minLength: 1, maxLength: 3 })), "state", "database"),
    media: taken(kept, "state", "media"),
    media_url: taken(url, "state", "media_url"),
    durability: fc.constantFrom("fast", "s3"),
    budget: fc.double({ min: 0.1, max: 1000, noNaN: true }),
    history: taken(fc.stringMatching(/^[1-9]\d{0,2}[hd]$/), "state", "history"),
    pause: whole(1, 3600),
  },
  { requiredKeys: ["database"] },
);

const job = fc.stringMatching(/^[a-z]([a-z0-9]{0,12}(-[a-z0-9]{1,4})?)$/);
const beside = { memory: whole(16, 65_536), stop: whole(1, 60) };
const AT = ["*-*-* 03:15", "Mon..Fri 9:00", "hourly", "*/5 * * * *", "0 4 1 * 1"];
const schedule = fc.record(
  {
    run: taken(anything, "schedule", "nightly", "run"),
    at: fc.constantFrom(...AT),
    zone: fc.constantFrom("UTC", "Europe/Berlin", "America/St_Johns"),
    timeout: whole(1, 86_400),
    missed: fc.constantFrom("once", "skip"),
    retry: whole(0, 10),
    ping: taken(
      odd(15).map((text) => `https://ping.example/${text}`),
      "schedule",
      "nightly",
      "ping",
    ),
    ...beside,
  },
  { requiredKeys: ["run", "at"] },
);
const worker = fc.record(
  { run: taken(anything, "worker", "queue", "run"), ...beside },
  { requiredKeys: ["run"] },
);

const hook = taken(
  odd(20).map((text) => `https://hooks.example/${text}`),
  "notify",
  "url",
);
const told = fc.oneof(
  fc.record({ url: hook }),
  fc.record({ url: hook, email: email("notify", "email") }, { requiredKeys: ["email"] }),
);

const raw = fc.record(
  {
    site: fc.constant("blog"),
    region: fc.constantFrom("us-east-1", "cn-north-1", "us-gov-west-1"),
    domain: taken(domain, "domain"),
    aliases: taken(fc.uniqueArray(domain, { maxLength: 20 }), "aliases"),
    silence: fc.subarray(["project.W003", "packing.W040"]),
    app,
    fleet,
    image: some({
      os: fc.constantFrom("debian-12", "debian-13"),
      packages: fc.subarray(["libpq5", "g++", "libstdc++6", "python3.13-venv"]),
      refresh: fc.constantFrom("1d", "never"),
    }),
    notify: told,
    certificate,
    dns: some({ ttl: whole(5, 86_400), drain: whole(0, 3600) }),
    logs: some({ max_mb_per_day: whole(1, 100_000) }),
    state,
    release: some({
      allow: taken(fc.array(odd(20), { maxLength: 2 }), "release", "allow"),
      without: fc.subarray(["uwsgi", "mod_wsgi", "A.b-c"]),
    }),
    schedule: fc.dictionary(job, schedule, { maxKeys: 2 }),
    worker: fc.dictionary(job, worker, { maxKeys: 2 }),
    budget: fc.record({ monthly: whole(1, 1_000_000), email: email("budget", "email") }),
  },
  { requiredKeys: ["site", "region", "domain", "app"] },
);

export interface Accepted {
  /** As it is in everspot.toml. */
  table: Record<string, unknown>;
  /** What an instance knows of it. */
  config: BootConfig;
}

/** Sites that `plan` accepts. */
export const accepted: Arbitrary<Accepted> = fc
  .tuple(raw, fc.boolean(), fc.boolean())
  .map(([{ app, ...rest }, speaksAsgi, redirects]): Accepted | undefined => {
    const { wsgi, ...others } = app;
    const runs = speaksAsgi ? { asgi: wsgi } : { wsgi };
    const to = rest.aliases?.at(-1) ?? rest.domain;
    const table = { ...rest, app: { ...others, ...runs, ...(redirects && { redirect_to: to }) } };
    try {
      const config = parseConfig(stringify(table), "/project/everspot.toml");
      const where = { account: "123456789012", zone: "Z0123456789", agent: "a".repeat(64) };
      return { table, config: bootConfigOf(config, where) };
    } catch (error) {
      // Two keys that do not go together.
      if (error instanceof EverspotError) return undefined;
      throw error;
    }
  })
  .filter((one) => one !== undefined);

export const acceptedConfig: Arbitrary<BootConfig> = accepted.map(({ config }) => config);
