/** The documents both sides read and write (DESIGN §4): zod schemas, each with a version. Times are ISO 8601, UTC. */
import * as z from "zod/mini";
import { camelKeys } from "./config/camel.ts";
import { state as stateTable } from "./config/state.ts";
import type { DocumentType } from "./document.ts";
import { keys } from "./names.ts";
import { ringIfAllowed } from "./runs/bell.ts";

const time = z.iso.datetime();
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));

/** `site.json`: who owns the site. Written only by compare-and-swap. */
export const siteState = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  epoch: z.int().check(z.nonnegative()),
  owner: z.string(),
  /** IPv4 addresses of the owner. */
  address: z.ipv4(),
  privateAddress: z.ipv4(),
  /** When EC2 launched the owner; the newest healthy launch wins. */
  launched: time,
  since: time,
  release: z.optional(z.string()),
  /** `claiming` until the records point at the owner and are INSYNC. */
  state: z.enum(["claiming", "serving"]),
});
export type SiteState = z.infer<typeof siteState>;
export const siteDocument: DocumentType<SiteState> = {
  key: keys.site,
  schema: siteState,
  after: ringIfAllowed,
};

/**
 * `image.json`: what the instances need to know of the image they are launched from. Written only by compare-and-swap,
 * by the operator's side; it counts only while the fleet launches by the version of the launch template it names.
 */
export const imageNote = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  /** AMI id, of the site's own image. */
  image: z.string(),
  /** Version of the launch template that has this image. */
  launches: z.int().check(z.positive()),
  /** Version that is the same but for Debian's own image, to be launched when the other is gone. */
  stock: z.int().check(z.positive()),
});
export type ImageNote = z.infer<typeof imageNote>;
export const imageDocument: DocumentType<ImageNote> = { key: keys.image, schema: imageNote };

/** `deploy.json`: the swap in progress, and how the last one ended. Written only by compare-and-swap. */
export const deployState = z.strictObject({
  /** 2 as soon as there is a `pause`, 3 with `takes`. */
  version: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  nonce: z.string(),
  /** Of this run of `everspot deploy`. */
  id: z.string(),
  kind: z.enum(["swap", "in-place"]),
  /** Who runs it, e.g. "ann@laptop" or a GitHub run URL. */
  by: z.string(),
  /** The candidate; undefined while it is packed and uploaded. */
  release: z.optional(z.string()),
  /** The owner when it began. */
  old: z.optional(z.string()),
  /** What the fleet launched before it began, set when this deploy changes that: the version of the launch template. */
  before: z.optional(
    z.strictObject({
      version: z.int().check(z.positive()),
      pools: z.array(
        z.strictObject({ type: z.string(), subnet: z.string(), maxPrice: z.optional(z.number()) }),
      ),
    }),
  ),
  /** Seconds for which visitors may be held while the site passes on, where the configuration's are too few. */
  pause: z.optional(z.int().check(z.positive())),
  /** [state], where the old instance was launched without it: what it has written is brought along. */
  takes: z.optional(z.strictObject(camelKeys(stateTable))),
  state: z.enum(["running", "done", "failed", "aborted"]),
  /** What it is doing now, for a person and for whoever puts things in order after it. */
  step: z.string(),
  started: time,
  /** Renewed every 10 s while it runs; its holder is taken for dead after DEPLOY_DEAD_SECONDS. */
  heartbeat: time,
  /** Why it failed or was aborted. */
  reason: z.optional(z.string()),
});
export type DeployState = z.infer<typeof deployState>;
export const deployDocument: DocumentType<DeployState> = {
  key: keys.deploy,
  schema: deployState,
  // Not at each heartbeat.
  after: async (store, clock, before, now) => {
    const news = (["id", "kind", "release", "state"] as const).some((name) => before?.[name] !== now[name]);
    if (news || (before?.takes === undefined) !== (now.takes === undefined))
      await ringIfAllowed(store, clock);
  },
};

/** Bytes of a page that visitors get during maintenance: it is in one document with the rest. */
export const LARGEST_PAGE = 128 * 1024;

/**
 * `maintenance.json`: whether visitors get a page instead of the site, on whatever instance. Written only by
 * compare-and-swap, by the operator's side; no document: no maintenance, and none before.
 */
export const maintenanceState = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  on: z.boolean(),
  /** When it was last switched on or off. */
  since: time,
  /** Who did, e.g. "ann@laptop". */
  by: z.string(),
  /** Addresses that see the site all the same. */
  allow: z.array(z.ipv4()).check(z.maxLength(100)),
  /** HTML; undefined: everspot's own page. */
  page: z.optional(z.string().check(z.maxLength(LARGEST_PAGE))),
});
export type MaintenanceState = z.infer<typeof maintenanceState>;
export const maintenanceDocument: DocumentType<MaintenanceState> = {
  key: keys.maintenance,
  schema: maintenanceState,
  after: ringIfAllowed,
};

/** Seconds without a heartbeat after which a deploy counts as abandoned. */
export const DEPLOY_DEAD_SECONDS = 120;

/** Whether a deploy is under way. `now`: milliseconds since the epoch, best by the store's clock. */
export const isDeploying = (deploy: DeployState | undefined, now: number): boolean =>
  deploy?.state === "running" && now - Date.parse(deploy.heartbeat) < DEPLOY_DEAD_SECONDS * 1000;

/** `releases/<id>.json`: written once, after the zip. */
export const releaseManifest = z.strictObject({
  version: z.literal(1),
  id: z.string().check(z.regex(/^[A-Za-z0-9._-]{1,128}$/)),
  counter: z.int().check(z.nonnegative()),
  created: time,
  /** Of the zip. */
  sha256,
  /** Bytes of the zip. */
  size: z.int().check(z.nonnegative()),
  /** Bytes and entries once unpacked. */
  unpackedSize: z.int().check(z.nonnegative()),
  files: z.int().check(z.nonnegative()),
  git: z.optional(z.strictObject({ commit: z.string(), dirty: z.boolean() })),
  /** Who packed it, e.g. "ann@laptop" or a GitHub run URL. */
  by: z.optional(z.string()),
  /** "3.13": set when the release carries dependencies made for one Python. */
  python: z.optional(z.string()),
  /** Set when the release carries compiled code. */
  arch: z.optional(z.enum(["x86_64", "arm64"])),
  /** It holds bytecode for the instance's Python; otherwise the first instance has to make it. */
  bytecode: z.optional(z.boolean()),
});
export type ReleaseManifest = z.infer<typeof releaseManifest>;
