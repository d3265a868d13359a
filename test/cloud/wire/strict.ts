import type { NormalizedSchema } from "@smithy/core/schema";
import { ContractError } from "./errors.ts";
import { type Dict, membersOf, requiredMembers } from "./schema.ts";

/**
 * The SDK drops unknown members in silence and fills missing ones with undefined; here both are errors.
 * Values AWS restricts further (enums, lengths, ranges) are not in the schemas: handlers check those.
 * @throws ContractError with the path of the member.
 */
export function assertShape(
  schema: NormalizedSchema,
  value: unknown,
  at: string,
  side: "input" | "output",
): void {
  if (value === undefined || value === null) return;
  if (schema.isStructSchema()) assertStructure(schema, value, at, side);
  else if (schema.isListSchema()) {
    if (!Array.isArray(value)) throw wanted("a list", value, at);
    const of = schema.getValueSchema();
    value.forEach((item, i) => {
      assertShape(of, item, `${at}[${i}]`, side);
    });
  } else if (schema.isMapSchema()) {
    if (!isDict(value)) throw wanted("a map", value, at);
    for (const [key, item] of Object.entries(value)) {
      assertShape(schema.getValueSchema(), item, `${at}{${key}}`, side);
    }
  } else assertLeaf(schema, value, at);
}

function assertStructure(
  schema: NormalizedSchema,
  value: unknown,
  at: string,
  side: "input" | "output",
): void {
  if (!isDict(value)) throw wanted("a structure", value, at);
  const members = membersOf(schema);
  for (const [name, item] of Object.entries(value)) {
    if (name === "$metadata" || item === undefined) continue;
    const member = members.get(name);
    if (member === undefined) {
      throw new ContractError(`${at}: no member "${name}" (has ${[...members.keys()].join(", ")})`);
    }
    assertShape(member, item, `${at}.${name}`, side);
  }
  for (const name of requiredMembers(schema)) {
    const absent = value[name] === undefined || value[name] === null;
    if (absent && !(side === "output" && members.get(name)?.isStreaming())) {
      throw new ContractError(`${at}: required member "${name}" is missing`);
    }
  }
}

function assertLeaf(schema: NormalizedSchema, value: unknown, at: string): void {
  if (schema.isTimestampSchema()) {
    if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw wanted("a Date", value, at);
  } else if (schema.isStringSchema()) {
    if (typeof value !== "string") throw wanted("a string", value, at);
  } else if (schema.isNumericSchema()) {
    if (typeof value !== "number" || Number.isNaN(value)) throw wanted("a number", value, at);
  } else if (schema.isBooleanSchema()) {
    if (typeof value !== "boolean") throw wanted("a boolean", value, at);
  } else if (schema.isBlobSchema() && typeof value !== "string" && !(value instanceof Uint8Array)) {
    if (!schema.isStreaming()) throw wanted("bytes", value, at);
  }
}

/** The JSON codec keeps members it does not know, so they are looked for before it reads. */
export function assertKnownMembers(schema: NormalizedSchema, json: unknown, at: string): void {
  if (schema.isListSchema() && Array.isArray(json)) {
    for (const item of json) assertKnownMembers(schema.getValueSchema(), item, `${at}[]`);
  } else if (schema.isStructSchema() && isDict(json)) {
    const members = membersOf(schema);
    for (const [name, item] of Object.entries(json)) {
      const member = members.get(name);
      if (member === undefined) throw new ContractError(`${at}: no member "${name}"`);
      assertKnownMembers(member, item, `${at}.${name}`);
    }
  }
}

const isDict = (value: unknown): value is Dict =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const wanted = (what: string, value: unknown, at: string): ContractError =>
  new ContractError(`${at}: want ${what}, got ${value instanceof Date ? "an invalid Date" : typeof value}`);
