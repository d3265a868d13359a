import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { mutations } from "../../scripts/mutate/list/index.ts";
import { mutated } from "../../scripts/mutate/mutation.ts";

const root = path.resolve(import.meta.dirname, "../..");

test.each(mutations.map((m) => [m.name, m] as const))("%s: can be taken back", (_, mutation) => {
  const text = readFileSync(path.join(root, mutation.file), "utf8");
  expect(mutated(text, mutation)).not.toBe(text);
  for (const file of mutation.tests) {
    expect(existsSync(path.join(root, file)), file).toBe(true);
    expect(file.startsWith("test/system/")).toBe(mutation.system ?? false);
  }
});

test("no two have the same name", () => {
  const names = mutations.map((m) => m.name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
