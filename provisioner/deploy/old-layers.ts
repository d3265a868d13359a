import type { Clock } from "../../agent/site/clock.ts";
import { updateDocument } from "../../agent/site/document.ts";
import { messageOf } from "../../agent/site/errors.ts";
import {
  type PackageLayer,
  packageFloorDocument,
  packageLayer,
  raiseFloor,
} from "../../agent/site/layers.ts";
import { keys } from "../../agent/site/names.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import type { Aws } from "../aws/connect.ts";
import type { Tools } from "../operator/tools.ts";

/** An instance uploads an archive before it names it. In milliseconds. */
const YOUNG = 86_400_000;
/** Marked per deploy; there is one more a week at most. */
const AT_ONCE = 3;

/** The layers in the bucket. */
export interface LayersSeen {
  /** By key. */
  layers: Map<string, PackageLayer>;
  /**
   * Objects that no instance wants any more: archives that are neither current, nor what was before that, nor a
   * candidate; and documents of an older everspot whose layers could not be verified. A document of another
   * form may name any archive, so then there are none.
   */
  old: string[];
}

/** @param now milliseconds since the epoch. */
export async function seeLayers(store: ObjectStore, now: number): Promise<LayersSeen> {
  const listed = await store.list(keys.layersPrefix);
  const wanted = new Set<string>();
  const layers = new Map<string, PackageLayer>();
  let unknown = false;
  for (const { key } of listed.filter((o) => o.key.endsWith(".json"))) {
    const found = await store.get(key);
    if (found === undefined) continue;
    const text = new TextDecoder().decode(found.body);
    const layer = packageLayer.safeParse(parse(text));
    if (layer.success) {
      layers.set(key.slice(keys.layersPrefix.length, -".json".length), layer.data);
      const { current, previous, candidate } = layer.data;
      for (const one of [current, previous, candidate]) if (one) wanted.add(keys.layer(one.sha256));
      wanted.add(key);
    } else if (parse(text)?.version !== 1) unknown = true;
  }
  const old = listed.filter((o) => !wanted.has(o.key) && now - o.modified.getTime() > YOUNG);
  return { layers, old: unknown ? [] : old.map((o) => o.key) };
}

/** Undefined for what is not JSON. */
function parse(text: string): { version?: unknown } | undefined {
  try {
    return JSON.parse(text) as { version?: unknown };
  } catch {
    return undefined;
  }
}

/**
 * Lets the bucket's lifecycle delete what is old, and notes how old the packages are that machines have now: none may
 * have older ones from here on. Trouble with either does not fail the deploy.
 */
export async function tidyLayers(
  aws: { store: ObjectStore; bucket: Pick<Aws["bucket"], "expire"> },
  { terminal, clock }: { terminal: Pick<Tools["terminal"], "warn">; clock: Clock },
): Promise<void> {
  try {
    const { layers, old } = await seeLayers(aws.store, clock.now());
    await updateDocument(aws.store, packageFloorDocument, (floor) =>
      raiseFloor(floor, layers, clock.now()),
    ).catch((error: unknown) =>
      terminal.warn(
        `how old packages may be is not noted: ${messageOf(error)} (a role made by an older everspot gets the permission through \`everspot github\`)`,
      ),
    );
    for (const key of old.slice(0, AT_ONCE)) await aws.bucket.expire(key);
  } catch (error) {
    terminal.warn(`old layers stay in the bucket: ${messageOf(error)}`);
  }
}
