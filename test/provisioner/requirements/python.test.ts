import { describe, expect, test } from "vitest";
import { pythonFindings, standardForms } from "../../../provisioner/requirements/python-wish.ts";
import { pythonsOf, wheelFits } from "../../../provisioner/requirements/wheel-tags.ts";

const target = { python: "3.13", arch: "x86_64" } as const;

test.each([
  ["x-1-py3-none-any.whl", true],
  ["x-1-py2.py3-none-any.whl", true],
  ["x-1-1build-py3-none-any.whl", true],
  ["x-1-py311-none-any.whl", true],
  ["x-1-py314-none-any.whl", false],
  ["x-1-py2-none-any.whl", false],
  ["x-1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", true],
  ["x-1-cp313-cp313-manylinux_2_41_x86_64.whl", true],
  ["x-1-cp313-cp313-manylinux_2_42_x86_64.whl", false],
  ["x-1-cp313-cp313t-manylinux2014_x86_64.whl", false],
  ["x-1-cp312-cp312-manylinux2014_x86_64.whl", false],
  ["x-1-cp38-abi3-manylinux2014_x86_64.whl", true],
  ["x-1-cp314-abi3-manylinux2014_x86_64.whl", false],
  ["x-1-cp313-cp313-manylinux2014_aarch64.whl", false],
  ["x-1-cp313-cp313-musllinux_1_2_x86_64.whl", false],
  ["x-1-cp313-cp313-win_amd64.whl", false],
  ["x-1.tar.gz", false],
])("%s fits: %s", (file, fits) => {
  expect(wheelFits(file, target)).toBe(fits);
});

test("the Pythons of wheels, by number, those for other machines left out", () => {
  const files = ["x-1-cp39-cp39-manylinux2014_x86_64.whl", "x-1-cp310-cp310-manylinux2014_x86_64.whl"];
  expect(pythonsOf([...files, "x-1-cp313-cp313-win_amd64.whl"], target)).toEqual(["3.9", "3.10"]);
});

test.each([
  ["^3.11", [">=3.11,<4"]],
  ["~3.11", [">=3.11,<3.12"]],
  ["~3.11.2", [">=3.11.2,<3.12"]],
  ["~3.9 || ^3.11", [">=3.9,<3.10", ">=3.11,<4"]],
  [">=3.10 <3.13", [">=3.10,<3.13"]],
  [">= 3.10, < 3.13", [">=3.10,<3.13"]],
  ["3.11.*", ["==3.11.*"]],
  ["*", []],
])("%j in PEP 440 is %j", (specifier, forms) => {
  expect(standardForms(specifier)).toEqual(forms);
});

describe("what a project says about Python", () => {
  /** Knows "==3.11.4" and ">=3.14". */
  const satisfy = async (specifiers: readonly string[], versions: readonly string[]) =>
    specifiers.map((s) => versions.map((v) => (s === "==3.11.4" ? v === "3.11.4" : v.startsWith("3.14."))));
  const found = (specifier: string, python: string) =>
    pythonFindings(
      [
        { specifier, where: "uv.lock" },
        { specifier, where: "pyproject.toml" },
      ],
      { ...target, python },
      satisfy,
    );

  test("another image fits; another patch level is a warning; nothing fits", async () => {
    expect(await found("==3.11.4", "3.13")).toMatchObject([
      { id: "packing.E020", where: "uv.lock", hint: 'set [image] os = "debian-12", which has Python 3.11.2' },
    ]);
    expect(await found("==3.11.4", "3.11")).toMatchObject([{ id: "packing.W020", level: "warning" }]);
    expect(await found(">=3.14", "3.13")).toMatchObject([{ hint: expect.stringContaining("loosen it") }]);
    expect(await found("*", "3.13")).toEqual([]);
  });
});
