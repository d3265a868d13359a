import * as z from "zod/mini";
import { keys } from "../site/names.ts";
import { readJsonIfKnown } from "../site/read-json.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Look } from "./look.ts";

/** `looks/<release>.json`: what the last look at a release found. Rewritten; read by instances alone. */
const remembered = z.object({
  version: z.literal(1),
  /** Stands for all that it was looked at with. */
  mark: z.string(),
  found: z.array(z.string()),
});

/**
 * Looks, unless that was done before with the same mark, on this machine or on another: what replaces a machine has
 * nothing to find out. Never throws for the bucket's sake.
 */
export async function lookOnce(
  store: ObjectStore,
  release: string,
  mark: string,
  look: () => Promise<Look>,
): Promise<{ found: string[]; from: "memory" | "now" }> {
  const key = keys.look(release);
  const before = await readJsonIfKnown(store, key, remembered).catch(() => undefined);
  if (before?.mark === mark) return { found: before.found, from: "memory" };
  const { found, whole } = await look();
  if (whole) {
    await store.put(key, JSON.stringify({ version: 1, mark, found })).catch(() => undefined);
  }
  return { found, from: "now" };
}
