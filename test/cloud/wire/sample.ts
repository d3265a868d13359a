import type { NormalizedSchema } from "@smithy/core/schema";
import { requiredMembers, traitsOf } from "./schema.ts";

/** Deep enough for every structure of the services here; deeper ones recurse forever. */
const DEPTH = 9;

/** Makes a value for every member of a schema, all different, with characters that need escaping. */
export class Sampler {
  #n = 0;

  of(schema: NormalizedSchema): unknown {
    return this.#make(schema, DEPTH, "") ?? {};
  }

  #make(schema: NormalizedSchema, depth: number, name: string): unknown {
    if (schema.isUnitSchema()) return {};
    if (schema.isStructSchema()) return depth < 0 ? undefined : this.#structure(schema, depth);
    if (schema.isListSchema()) {
      // Two items show how lists are numbered; two at every level would be thousands of leaves.
      const items = (depth > DEPTH - 4 ? [0, 1] : [0]).map(() =>
        this.#make(schema.getValueSchema(), depth - 1, name),
      );
      return items.includes(undefined) || depth < 0 ? undefined : items;
    }
    if (schema.isMapSchema()) {
      const [a, b] = [0, 1].map(() => this.#make(schema.getValueSchema(), depth - 1, name));
      return a === undefined || b === undefined || depth < 0 ? undefined : { k1: a, k2: b };
    }
    return this.#leaf(schema, name);
  }

  #structure(schema: NormalizedSchema, depth: number): unknown {
    const value: Record<string, unknown> = {};
    for (const [name, member] of schema.structIterator()) {
      const made = this.#make(member, depth - 1, name);
      if (made !== undefined) value[name] = made;
      if (schema.isUnionSchema() && made !== undefined) break;
    }
    const incomplete = requiredMembers(schema).some((name) => value[name] === undefined);
    return depth < DEPTH && (incomplete || Object.keys(value).length === 0) ? undefined : value;
  }

  #leaf(schema: NormalizedSchema, name: string): unknown {
    const n = ++this.#n;
    if (schema.isTimestampSchema()) return new Date("2026-11-20T10:00:00.000Z");
    if (schema.isBooleanSchema()) return n % 2 === 0;
    if (schema.isNumericSchema()) return n % 500;
    if (schema.isBlobSchema()) return new TextEncoder().encode(`blob${n}`);
    if (!schema.isStringSchema() || "mediaType" in schema.getMergedTraits()) return undefined;
    // Some endpoint rules parse ARNs; headers cannot carry the characters.
    if (/ARN$|Arn$/.test(name)) return "arn:aws:x:eu-west-1:1:y";
    return traitsOf(schema).httpHeader === undefined ? `v${n}&<é>` : `v${n}`;
  }
}

/** A value as both sides can be compared: bytes and dates as text, nothing undefined. */
export function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString("hex")}`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key, item]) => key !== "$metadata" && item !== undefined);
  return Object.fromEntries(kept.map(([key, item]) => [key, comparable(item)]));
}
