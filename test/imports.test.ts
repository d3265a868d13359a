import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "..");

/** For each folder, what it may import from ours (DESIGN §3). */
const allowed: Record<string, readonly string[]> = {
  "agent/site": ["agent/site"],
  agent: ["agent", "user-data"],
  "user-data": ["user-data", "agent/site"],
  provisioner: ["provisioner", "agent/site", "user-data"],
};

function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder)).flatMap((name) => {
    const file = `${folder}/${name}`;
    if (statSync(path.join(root, file)).isDirectory()) return sources(file);
    return name.endsWith(".ts") ? [file] : [];
  });
}

function violations(file: string, text: string): string[] {
  const layer = Object.keys(allowed).find((l) => file.startsWith(`${l}/`)) ?? "";
  const imports = [...text.matchAll(/\bfrom\s+"(\.[^"]+)"|\bimport\(?\s*"(\.[^"]+)"/g)].map(
    (m) => m[1] ?? m[2] ?? "",
  );
  return imports
    .map((target) => path.posix.normalize(path.posix.join(path.posix.dirname(file), target)))
    .filter((target) => !allowed[layer]?.some((a) => target.startsWith(`${a}/`)))
    .map((target) => `${file} imports ${target}`);
}

test("every folder imports only what the layout allows", () => {
  const found = ["agent", "user-data", "provisioner"]
    .flatMap(sources)
    .flatMap((f) => violations(f, readFileSync(path.join(root, f), "utf8")));
  expect(found).toEqual([]);
});

test("the rule notices a forbidden import", () => {
  expect(violations("agent/boot/a.ts", 'import { x } from "../../provisioner/cli.ts";')).toEqual([
    "agent/boot/a.ts imports provisioner/cli.ts",
  ]);
  expect(violations("user-data/a.ts", 'import { x } from "../agent/boot/a.ts";')).toHaveLength(1);
  expect(violations("agent/site/a.ts", 'import { x } from "../../user-data/a.ts";')).toHaveLength(1);
});
