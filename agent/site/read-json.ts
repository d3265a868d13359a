import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";
import { EverspotError } from "./errors.ts";
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

/**
 * Reads JSON from the bucket. Who has an instance can write what it likes into the documents there, and they are shown on
 * an operator's terminal and in the log of a GitHub Actions job: control characters are taken out of every text, but for
 * tabs and ends of lines, and what the runner would take for a command to itself is broken up.
 * @throws SyntaxError
 */
export const parsePlainJson = (body: Uint8Array): unknown =>
  JSON.parse(new TextDecoder().decode(body), (_, value: unknown) =>
    typeof value === "string" ? plainText(value) : value,
  );

/** The same for a text. */
export const plainText = (text: string): string => text.replace(CONTROL, "").replace(COMMAND, "$1 $2");

/** C0 without tab and line feed, DEL, and C1 (ECMA-48): among them what begins an escape sequence. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * `::set-output …` at the beginning of a line, after blanks, and `##[command]` anywhere in it
 * (https://docs.github.com/actions/reference/workflow-commands-for-github-actions; actions/runner, ActionCommand).
 */
const COMMAND = /(^[^\S\n]*:|##)(:|\[)/gm;
