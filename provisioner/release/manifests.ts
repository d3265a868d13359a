import { type ReleaseManifest, releaseManifest } from "../../agent/site/documents/release-manifest.ts";
import { keys } from "../../agent/site/names.ts";
import { readJson } from "../../agent/site/read-json.ts";
import type { ObjectStore } from "../../agent/site/store.ts";

/**
 * @returns undefined when the release does not exist (its manifest is written last).
 * @throws EverspotError when this everspot does not know the manifest's form.
 */
export const readManifest = (store: ObjectStore, id: string): Promise<ReleaseManifest | undefined> =>
  readJson(store, keys.releaseManifest(id), releaseManifest);
