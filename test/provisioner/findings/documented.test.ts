import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

test("every finding of packing has its line in docs/packing.md, and its id to itself", () => {
  const sources = readdirSync("provisioner", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(path.join("provisioner", file), "utf8"));
  const used = sources.flatMap((text) =>
    [...text.matchAll(/(?:error|warning)Finding\(\s*"(packing\.[EW]\d+)"/g)].map((m) => m[1]),
  );
  const page = readFileSync("docs/packing.md", "utf8");
  const documented = [...page.matchAll(/^\| (packing\.[EW]\d+) \|/gm)].map((m) => m[1]);
  expect(used.length).toBeGreaterThan(10);
  expect(used.sort()).toEqual(documented.sort());
});
