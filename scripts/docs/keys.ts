/** What there is to say about everspot.toml's keys, read from its schema. */
import type * as z from "zod/mini";
import { type KeyNote, notes } from "../../agent/site/config/text.ts";
import { shapeOf, valuesOf } from "../../provisioner/config/keys.ts";
import { siteFile } from "../../provisioner/config/schema.ts";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";

export interface Key {
  name: string;
  note: KeyNote;
  json: JsonSchema;
  /** Where the table that it is has keys of its own, and does not stand on one line. */
  open: boolean;
  required: boolean;
  /** The keys of a table that stands on one line. */
  inner: readonly Key[];
}

export interface Table {
  /** Empty for what stands above the first table. */
  name: string;
  /** The same in the example: of a table of tables one has a name there. */
  example: string;
  note: KeyNote | undefined;
  keys: readonly Key[];
}

export function tables(): Table[] {
  const top = keysOf(siteFile);
  const table = ({ name, note }: Key): Table => {
    const schema = shapeOf(siteFile)?.[name];
    const { named } = note;
    const one = schema && (named === undefined ? schema : valuesOf(schema));
    const keys = one === undefined ? [] : keysOf(one);
    if (named === undefined) return { name, example: name, note, keys };
    return { name: `${name}.NAME`, example: `${name}.${named}`, note, keys };
  };
  return [
    { name: "", example: "", note: undefined, keys: top.filter((key) => !key.open) },
    ...top.filter((key) => key.open).map(table),
  ];
}

function keysOf(schema: z.core.$ZodType): Key[] {
  const { required, anyOf = [] } = jsonSchemaOf(schema);
  const needed = required ?? anyOf.map((one) => (one as JsonSchema).required).find((names) => names) ?? [];
  return Object.entries(shapeOf(schema) ?? {}).map(([name, value]) => {
    const note = notes.get(value);
    if (note === undefined) throw new Error(`the key ${name} has no description`);
    const json = jsonSchemaOf(value);
    const open = json.type === "object" && note.examples === undefined;
    const inner = open ? [] : keysOf(value);
    return { name, note, json, open, required: needed.includes(name), inner };
  });
}

/** What holds without the key: in words, or as TOML. */
export function defaultOf({ note, json }: Key): string {
  if (note.otherwise !== undefined) return note.otherwise;
  const value = json.default;
  return value === undefined || isEmpty(value) ? "none" : toml(value);
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** A value on one line. */
export function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${tomlKey(key)} = ${toml(inner)}`)
    .join(", ")} }`;
}

/** A name, in quotes where TOML wants them. */
export const tomlKey = (name: string): string => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));
