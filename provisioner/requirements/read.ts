import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse, TomlError, type TomlTable } from "smol-toml";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { decode } from "./decode.ts";

/** @returns undefined where there is no such file. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    return decode(await readFile(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw error;
  }
}

/** @throws EverspotError when it is not TOML. */
export async function readToml(file: string): Promise<TomlTable | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    const where = error instanceof TomlError ? ` (line ${error.line})` : "";
    throw new EverspotError(
      `${path.basename(file)} is not TOML${where}: ${messageOf(error).split("\n")[0]}`,
      { resource: file },
    );
  }
}

/** The table at a path of keys; an empty one where there is none. */
export function tableAt(table: TomlTable | undefined, ...keys: string[]): TomlTable {
  let at: unknown = table;
  for (const key of keys) at = isTable(at) ? at[key] : undefined;
  return isTable(at) ? at : {};
}

export const isTable = (value: unknown): value is TomlTable =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
