/** `history/<time>-deploy-<id>.json`: how a deploy or rollback went, written once it is over. */
import * as z from "zod";
import type { DeployState } from "../../agent/site/documents/deploy-state.ts";
import { messageOf } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import type { ObjectStore } from "../../agent/site/store.ts";

export const pastDeploy = z.object({
  version: z.literal(1),
  /** As in deploy.json. */
  id: z.string(),
  /** When it took the lock, ISO 8601. */
  at: z.string(),
  command: z.enum(["deploy", "rollback"]),
  kind: z.enum(["swap", "in-place"]),
  by: z.string(),
  /** `abandoned`: its holder fell silent, and someone else recovered what it left. */
  result: z.enum(["done", "unchanged", "failed", "abandoned"]),
  release: z.string().optional(),
  /** What was current before. */
  previous: z.string().optional(),
  /** The owner afterwards, where it is known. */
  instance: z.string().optional(),
  seconds: z.number(),
  /** Seconds since the beginning, and how long each took. */
  steps: z.array(z.object({ name: z.string(), start: z.number(), seconds: z.number(), state: z.string() })),
  /** One visitor's, one a second. */
  requests: z.object({ total: z.int(), failed: z.int() }).optional(),
  /** Why it failed, or where it was abandoned. */
  reason: z.string().optional(),
});
export type PastDeploy = z.infer<typeof pastDeploy>;

/** If two write about the same deploy, the last one counts. A failed write is only a warning. */
export async function keepDeploy(
  store: ObjectStore,
  deploy: PastDeploy,
  { warn }: { warn(text: string): void },
): Promise<void> {
  const { at, command, id } = deploy;
  try {
    await store.put(keys.history(at, "deploy", id), JSON.stringify(pastDeploy.parse(deploy), null, 1));
  } catch (error) {
    warn(`the ${command} of ${at} is not in the history: ${messageOf(error)}`);
  }
}

/** What is known of a deploy whose holder is gone. */
export const abandoned = (left: DeployState): PastDeploy => ({
  version: 1,
  ...{ id: left.id, at: left.started, command: "deploy", kind: left.kind, by: left.by, result: "abandoned" },
  release: left.release,
  seconds: Math.max(0, (Date.parse(left.heartbeat) - Date.parse(left.started)) / 1000),
  steps: [],
  reason: left.reason ?? `at: ${left.step}`,
});
