import { expect, expectTypeOf, test } from "vitest";
import { omitUndefined } from "../../../agent/site/omit-undefined.ts";

test("what is undefined is not there; what is merely empty is", () => {
  const member: string | undefined = undefined;
  const kept = omitUndefined({ member, none: null, zero: 0, empty: "", not: false });
  expect(kept).toStrictEqual({ none: null, zero: 0, empty: "", not: false });
});

test("the type lets a member be missing, but not undefined", () => {
  const maybe = (): string | undefined => "there";
  const kept = omitUndefined({ always: 1, maybe: maybe() });
  expectTypeOf(kept).branded.toEqualTypeOf<{ always: number; maybe?: string }>();
  const wanted: { always: number; maybe?: string } = kept;
  expect(wanted).toStrictEqual({ always: 1, maybe: "there" });
});
