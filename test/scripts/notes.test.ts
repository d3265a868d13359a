import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { transform } from "esbuild";
import { expect, test } from "vitest";
import { stripNotes } from "../../scripts/build/notes.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../agent/site/config");

test("a note goes, whatever stands in it, and nothing else", () => {
  const source = `const a = text(
    f("(", b),
  ).register(notes, { description: "a ) or \\" (", hint: \`\${g(")")} (\`, /* ( */ examples: [h(1)] });
const c = d.register(others, { e: 1 });
const f = { g: z.number().register(notes, { description: "it's" }), h: 2 };`;
  expect(stripNotes(source)).toBe(`const a = text(
    f("(", b),
  );
const c = d.register(others, { e: 1 });
const f = { g: z.number(), h: 2 };`);
  expect(() => stripNotes('a.register(notes, { b: ")" ')).toThrow(RangeError);
});

test("no note of a key is in what instances run", async () => {
  for (const name of readdirSync(FOLDER)) {
    const source = readFileSync(path.join(FOLDER, name), "utf8");
    const { code } = await transform(stripNotes(source), { loader: "ts" });
    // Where the registry is made.
    if (name !== "text.ts") expect([name, code.match(/description:|register\(notes/)]).toEqual([name, null]);
  }
});
