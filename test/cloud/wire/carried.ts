/**
 * What becomes of a value on the wire, without the wire: a copy with the members that its schema knows, dates as exact
 * as headers write them, and nothing that a protocol cannot write, such as empty lists in a form.
 */
import { Readable } from "node:stream";
import type { NormalizedSchema } from "@smithy/core/schema";
import type { ShapedReply } from "./in-process.ts";
import type { Reply } from "./reply.ts";
import { type Dict, membersOf, payloadMember, remembered, traitsOf } from "./schema.ts";
import type { Operation, Service } from "./service.ts";

type Protocol = Service["protocol"];
export type Side = "input" | "output";
type Carry = (value: unknown) => unknown;

/** Undefined is what has no place on the wire. */
export const carried = (schema: NormalizedSchema, value: unknown, protocol: Protocol, side: Side): unknown =>
  schema.isStructSchema() ? structures(schema)(protocol, side)(value) : {};

/** A handler's reply as a client gets it: with its output, and a body only where that is a stream. */
export function shaped(
  { protocol }: Service,
  operation: Operation,
  { output: made, status, headers }: Reply,
): Omit<ShapedReply, "status"> & { status?: number } {
  const output = (carried(operation.output, made, protocol, "output") ?? {}) as Dict;
  const reply = { headers: { ...headers }, output, ...(status !== undefined && { status }) };
  const [name, member] = payloadMember(operation.output) ?? [];
  if (name === undefined || !member?.isStreaming()) return { ...reply, body: undefined };
  const body = (output[name] ?? "") as string | Uint8Array | Readable;
  // The length that a header says.
  if (!(body instanceof Readable)) output.ContentLength ??= Buffer.byteLength(body);
  return { ...reply, body };
}

const structures = remembered((schema) => {
  const known = new Map<string, Carry>();
  return (protocol: Protocol, side: Side): Carry => {
    const key = `${protocol} ${side}`;
    const found = known.get(key) ?? structure(schema, protocol, side);
    known.set(key, found);
    return found;
  };
});

function structure(schema: NormalizedSchema, protocol: Protocol, side: Side): Carry {
  let members: Map<string, Carry> | undefined;
  const make = () =>
    new Map([...membersOf(schema)].map(([name, member]) => [name, carryOf(member, protocol, side)] as const));
  // What is read from the wire has its members in the order of the schema, and two inputs are compared as text.
  const places = new Map([...membersOf(schema).keys()].map((name, n) => [name, n] as const));
  const place = ([name]: [string, unknown]) => places.get(name) ?? 0;
  const ordered = (entries: [string, unknown][]) =>
    side === "input" && entries.length > 1 ? entries.sort((a, b) => place(a) - place(b)) : entries;
  const always = [...membersOf(schema)].flatMap(([name, member]) =>
    side === "output" && traitsOf(member).httpPrefixHeaders !== undefined ? [name] : [],
  );
  return (value) => {
    // Structures may hold themselves.
    members ??= make();
    const made: Dict = {};
    let any = false;
    for (const [name, item] of ordered(Object.entries(value as Dict))) {
      if (item === undefined || item === null) continue;
      const there = members.get(name)?.(item);
      if (there === undefined) continue;
      made[name] = there;
      any = true;
    }
    for (const name of always) made[name] ??= {};
    return any || !isForm(protocol, side) ? made : undefined;
  };
}

/** A form is made of its leaves. */
const isForm = (protocol: Protocol, side: Side): boolean =>
  side === "input" && (protocol === "ec2Query" || protocol === "awsQuery");

function carryOf(schema: NormalizedSchema, protocol: Protocol, side: Side): Carry {
  if (schema.isStructSchema()) return (value) => structures(schema)(protocol, side)(value);
  if (schema.isListSchema()) {
    const item = later(() => carryOf(schema.getValueSchema(), protocol, side));
    const isFlat =
      (protocol === "ec2Query" && side === "input") || traitsOf(schema).xmlFlattened !== undefined;
    const vanishes = isFlat && !protocol.includes("son");
    return (value) => {
      const all = (value as unknown[]).flatMap((one) =>
        one === undefined || one === null ? [] : [item()(one)],
      );
      return all.length === 0 && vanishes ? undefined : all;
    };
  }
  if (schema.isMapSchema()) {
    const item = later(() => carryOf(schema.getValueSchema(), protocol, side));
    const isLower = traitsOf(schema).httpPrefixHeaders !== undefined;
    const vanishes = isLower || (side === "input" && isForm(protocol, side));
    return (value) => {
      const entries = Object.entries(value as Dict).flatMap(([key, one]) =>
        one === undefined || one === null ? [] : [[isLower ? key.toLowerCase() : key, item()(one)] as const],
      );
      return entries.length === 0 && vanishes ? undefined : Object.fromEntries(entries);
    };
  }
  if (schema.isTimestampSchema()) return dates(schema);
  if (schema.isBlobSchema()) {
    if (traitsOf(schema).httpPayload === undefined) return (value) => new Uint8Array(bytes(value));
    return schema.isStreaming() && side === "output" ? (value) => value : bytes;
  }
  if (schema.isStringSchema()) return (value) => (typeof value === "string" ? value : String(value));
  if (schema.isNumericSchema()) return (value) => (typeof value === "number" ? value : Number(value));
  return (value) => value;
}

function later<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Headers have whole seconds. */
function dates(schema: NormalizedSchema): Carry {
  const unit = traitsOf(schema).httpHeader === undefined ? 1 : 1000;
  return (value) => (value instanceof Date ? new Date(Math.floor(value.getTime() / unit) * unit) : value);
}

const bytes = (value: unknown): Buffer => Buffer.from(value as string);
