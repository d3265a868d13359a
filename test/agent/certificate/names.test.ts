import { expect, test } from "vitest";
import { certificateNames, sameNames, uncovered } from "../../../agent/certificate/names.ts";

test("names: the domain first, each once, lower-case", () => {
  expect(
    certificateNames({
      domain: "Example.test",
      aliases: ["www.example.test", "EXAMPLE.test.", "*.example.test"],
    }),
  ).toEqual(["example.test", "www.example.test", "*.example.test"]);
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
