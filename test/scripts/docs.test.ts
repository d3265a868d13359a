import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { z } from "zod";
import { documents } from "../../scripts/docs/documents.ts";
import { siteJsonSchema } from "../../scripts/docs/json-schema.ts";

const root = path.resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");

test.each(Object.keys(documents))("%s is what `npm run docs` makes of the schema", (file) => {
  expect(read(file), "run `npm run docs`").toBe(documents[file]?.());
});

test("the package has the example and the schema for editors", () => {
  const { files } = JSON.parse(read("package.json")) as { files: string[] };
  expect(files).toEqual(expect.arrayContaining(Object.keys(documents).filter((f) => !f.startsWith("docs/"))));
});

test("by the JSON schema the example is right, and what is wrong is not", () => {
  const schema = z.fromJSONSchema(siteJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
  const example = () => parse(read("provisioner/everspot.example.toml")) as Record<string, unknown>;
  expect(schema.safeParse(example()).error).toBeUndefined();
  const wrong = (change: Record<string, unknown>) => schema.safeParse({ ...example(), ...change }).success;
  expect(wrong({ region: "us-east-1 " })).toBe(false);
  expect(wrong({ aliasses: [] })).toBe(false);
  expect(wrong({ image: { packages: ["No Package"] } })).toBe(false);
  expect(wrong({ stages: { dev: { app: { workers: 1 } } } })).toBe(false);
  expect(wrong({ stages: { dev: { domain: "dev.example.com", site: "x" } } })).toBe(false);
  expect(wrong({ stages: { dev: { domain: "dev.example.com", app: { workers: 1 } } } })).toBe(true);
});
