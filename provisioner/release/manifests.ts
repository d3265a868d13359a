import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { type ReleaseManifest, releaseManifest } from "../../agent/site/records.ts";
import type { ObjectStore } from "../../agent/site/store.ts";

/**
 * @returns undefined when the release does not exist (its manifest is written last).
 * @throws EverspotError when this everspot does not know the manifest's form.
 */
export async function readManifest(store: ObjectStore, id: string): Promise<ReleaseManifest | undefined> {
  const key = keys.releaseManifest(id);
  const found = await store.get(key);
  if (found === undefined) return undefined;
  const fail = (why: string, cause?: unknown) =>
    new EverspotError(`the manifest of release ${id} cannot be read: ${why}`, {
      resource: `${store.url}/${key}`,
      hint: "if a newer everspot wrote it, use that version or a later one",
      cause,
    });
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(found.body));
  } catch (cause) {
    throw fail("not JSON", cause);
  }
  const parsed = releaseManifest.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw fail(`${issue?.path.join(".")} ${issue?.message}`);
}
