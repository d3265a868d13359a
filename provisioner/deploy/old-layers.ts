import { messageOf } from "../../agent/site/errors.ts";
import { packageLayer } from "../../agent/site/layers.ts";
import { keys } from "../../agent/site/names.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import type { Aws } from "../aws/connect.ts";
import type { Tools } from "../operator/tools.ts";

const PREFIX = "layers/packages/";
/** An instance uploads an archive before it names it. In milliseconds. */
const YOUNG = 86_400_000;
/** Marked per deploy; there is one more a week at most. */
const AT_ONCE = 3;

/**
 * Archives of packages that no instance wants any more: neither current, nor what was before that, nor a candidate.
 * A document of another form may name any of them, so then there are none.
 * @param now milliseconds since the epoch.
 */
export async function oldLayers(store: ObjectStore, now: number): Promise<string[]> {
  const listed = await store.list(PREFIX);
  const wanted = new Set<string>();
  for (const { key } of listed.filter((o) => o.key.endsWith(".json"))) {
    const found = await store.get(key);
    if (found === undefined) continue;
    const layer = packageLayer.safeParse(JSON.parse(new TextDecoder().decode(found.body)));
    if (!layer.success) return [];
    const { current, previous, candidate } = layer.data;
    for (const one of [current, previous, candidate]) if (one) wanted.add(keys.layer("packages", one.sha256));
  }
  return listed
    .filter((o) => o.key.endsWith(".tar.gz") && !wanted.has(o.key) && now - o.modified.getTime() > YOUNG)
    .map((o) => o.key);
}

/** Lets the bucket's lifecycle delete them. That it could not is no failure of a deploy. */
export async function markOldLayers(aws: Aws, { terminal, clock }: Tools): Promise<void> {
  try {
    for (const key of (await oldLayers(aws.store, clock.now())).slice(0, AT_ONCE))
      await aws.bucket.expire(key);
  } catch (error) {
    terminal.warn(`old layers stay in the bucket: ${messageOf(error)}`);
  }
}
