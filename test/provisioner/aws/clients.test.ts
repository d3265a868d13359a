import { expect, test } from "vitest";
import { lazily } from "../../../provisioner/aws/clients.ts";

test("a member is made when it is first asked for, and once", () => {
  const made: string[] = [];
  const make = (name: string) => () => {
    made.push(name);
    return { name };
  };
  const members = lazily<Record<"a" | "b" | "c", { name: string }>>({
    a: make("a"),
    b: make("b"),
    c: make("c"),
  });
  expect(Object.keys(members)).toEqual(["a", "b", "c"]);
  expect(made).toEqual([]);
  const { b } = members;
  expect(members.b).toBe(b);
  expect(made).toEqual(["b"]);
  expect({ ...members }).toEqual({ a: { name: "a" }, b: { name: "b" }, c: { name: "c" } });
  expect(made).toEqual(["b", "a", "c"]);
});

test("what could not be made is tried again", () => {
  let fails = true;
  const members = lazily<{ a: number }>({
    a: () => {
      if (fails) throw new Error("not now");
      return 1;
    },
  });
  expect(() => members.a).toThrow("not now");
  fails = false;
  expect(members.a).toBe(1);
});
