import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import { camelKeys } from "../config/camel.ts";
import { state as stateTable } from "../config/state.ts";
import { type DocumentType, readDocument } from "../document.ts";
import { keys } from "../names.ts";
import { ringIfAllowed } from "../runs/bell.ts";
import type { ObjectStore } from "../store.ts";

/** ISO 8601, UTC. */
const time = z.iso.datetime();

/** `deploy.json`: the swap in progress, and how the last one ended. Written only by compare-and-swap. */
export const deployState = z.strictObject({
  /** 2 as soon as there is a `pause`, 3 with `takes`. */
  version: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  nonce: z.string(),
  /** Names this run of `everspot deploy`. */
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
  // A heartbeat alone rings no bell.
  after: async (store, clock, before, now) => {
    const news = (["id", "kind", "release", "state"] as const).some((name) => before?.[name] !== now[name]);
    if (news || (before?.takes === undefined) !== (now.takes === undefined))
      await ringIfAllowed(store, clock);
  },
};

/** Seconds without a heartbeat after which a deploy counts as abandoned. */
export const DEPLOY_DEAD_SECONDS = 120;

/** Whether a deploy is under way. `now`: milliseconds since the epoch, best by the store's clock. */
export const isDeploying = (deploy: DeployState | undefined, now: number): boolean =>
  deploy?.state === "running" && now - Date.parse(deploy.heartbeat) < DEPLOY_DEAD_SECONDS * 1000;

/** The deploy under way now, if there is one. */
export async function runningDeploy(store: ObjectStore, clock: Clock): Promise<DeployState | undefined> {
  const { value, date } = await readDocument(store, deployDocument);
  return isDeploying(value, date?.getTime() ?? clock.now()) ? value : undefined;
}
