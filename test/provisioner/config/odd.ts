/** Values among which are those that break things, as far as the schema of everspot.toml takes them. */
import fc, { type Arbitrary } from "fast-check";
import type { core } from "zod/mini";
import { schemaAt } from "../../../provisioner/config/keys.ts";
import { siteFile } from "../../../provisioner/config/schema.ts";

/** What nginx, systemd, a shell, TOML or a URL may take for something else. */
const ODD = [..." ~+@._-;{}#%()*\\$`|&<>,'\"!?=:[]^\t\n\u0001\u007f\u0085üß中😀"];
const UNIT = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(..."abcZ09") },
  { weight: 2, arbitrary: fc.constantFrom(...ODD) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("..", "%20", "%c3%9f", "%2e", "$uri", "$" + "{A}", "$(id)", "//", "@BUCKET@"),
  },
);
export const odd = (most: number) => fc.string({ unit: UNIT, minLength: 1, maxLength: most });
/** As fast-check's own unit "binary", which takes a second to be made. */
const ANY = fc
  .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((code) => String.fromCodePoint(code));
export const anything = fc.oneof(
  { weight: 6, arbitrary: odd(40) },
  { weight: 2, arbitrary: fc.string({ unit: ANY, maxLength: 40 }) },
  // With the names that JavaScript's objects have already.
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
);

/** Those that the schema takes at this place: most others would only be refused. */
export function taken<T>(from: Arbitrary<T>, ...path: string[]): Arbitrary<T> {
  const schema = schemaAt(siteFile, path) as core.$ZodType & {
    safeParse(value: unknown): { success: boolean };
  };
  return from.filter((value) => schema.safeParse(value).success);
}

/** None, some or all of the keys. */
export const some = <T>(keys: { [K in keyof T]: Arbitrary<T[K]> }) => fc.record(keys, { requiredKeys: [] });
export const whole = (min: number, max: number) => fc.integer({ min, max });
