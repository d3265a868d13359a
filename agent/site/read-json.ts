import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";
import { EverspotError } from "./errors.ts";
import { parsePlainJson } from "./plain-json.ts";
import type { ObjectStore } from "./store.ts";

// zod/mini has no messages of its own.
z.config(en());

/**
 * An object of the bucket, read as what it is to be. Undefined when there is none.
 * @throws EverspotError when it is not of a version or form this everspot knows, naming bucket and key.
 */
export async function readJson<T>(
  store: ObjectStore,
  key: string,
  schema: z.core.$ZodType<T>,
): Promise<T | undefined> {
  const found = await store.get(key);
  return found && parseJson(store, key, schema, found.body);
}

/** The same, for what is only shown: what another version of everspot wrote is left out. */
export async function readJsonIfKnown<T>(
  store: ObjectStore,
  key: string,
  schema: z.core.$ZodType<T>,
): Promise<T | undefined> {
  const found = await store.get(key);
  try {
    return found && z.parse(schema, parsePlainJson(found.body));
  } catch {
    return undefined;
  }
}

export function parseJson<T>(
  store: Pick<ObjectStore, "url">,
  key: string,
  schema: z.core.$ZodType<T>,
  body: Uint8Array,
): T {
  const resource = `${store.url}/${key}`;
  let json: unknown;
  try {
    json = parsePlainJson(body);
  } catch (cause) {
    throw new EverspotError(`${key} is not JSON`, {
      resource,
      hint: "restore an earlier version of the object; the bucket keeps them",
      cause,
    });
  }
  const parsed = z.safeParse(schema, json);
  if (parsed.success) return parsed.data;
  const version = (json as { version?: unknown } | null)?.version;
  const issue = parsed.error.issues[0];
  throw new EverspotError(
    `${key} (version ${String(version)}) cannot be read: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
    { resource, hint: "if a newer everspot wrote it, use that version or a later one" },
  );
}
