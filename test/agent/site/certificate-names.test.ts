import { expect, test } from "vitest";
import { certificateNames, sameNames, uncovered } from "../../../agent/site/certificate-names.ts";

const named = (aliases: string[], wildcard = false) =>
  certificateNames({ domain: "Example.test", aliases, certificate: { wildcard } });

test("names: the domain first, each once, lower-case", () => {
  expect(named(["www.example.test", "EXAMPLE.test.", "a.test", "a.test"])).toEqual([
    "example.test",
    "www.example.test",
    "a.test",
  ]);
});

test("a wildcard stands for every alias one label below the domain", () => {
  const wide = ["example.test", "*.example.test"];
  expect(named([], true)).toEqual(wide);
  expect(named(["www.example.test", "b.example.test"], true)).toEqual(wide);
  expect(named(["a.b.example.test", "other.test"], true)).toEqual([
    ...wide,
    "a.b.example.test",
    "other.test",
  ]);
});

test("the order of names makes no other set", () => {
  expect(sameNames(["a.test", "b.test"], ["B.test", "a.test"])).toBe(true);
  expect(sameNames(["a.test"], ["a.test", "b.test"])).toBe(false);
});

test.each([
  [["example.test"], ["example.test"], []],
  [["example.test"], ["example.test", "www.example.test"], ["www.example.test"]],
  [["*.example.test"], ["www.example.test"], []],
  [["*.example.test"], ["example.test"], ["example.test"]],
  [["*.example.test"], ["a.b.example.test"], ["a.b.example.test"]],
  [["www.example.test"], ["*.example.test"], ["*.example.test"]],
  [["*.example.test"], ["*.example.test"], []],
  [["EXAMPLE.test"], ["example.test"], []],
])("a certificate for %j lacks, of %j: %j", (names, wanted, lacking) => {
  expect(uncovered(names, wanted)).toEqual(lacking);
});
