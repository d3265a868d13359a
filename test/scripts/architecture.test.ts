import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import * as channel from "../../agent/site/channel.ts";
import { keys } from "../../agent/site/names.ts";
import { drawWing } from "../../scripts/architecture/draw.ts";
import type { Wing } from "../../scripts/architecture/house.ts";
import { importsOf } from "../../scripts/architecture/imports.ts";
import { lookAtHouse } from "../../scripts/architecture/look.ts";
import { page } from "../../scripts/architecture/page.ts";
import { planOf } from "../../scripts/architecture/rules.ts";

const root = path.resolve(import.meta.dirname, "../..");
const text = readFileSync(path.join(root, "docs/architecture.md"), "utf8");

test("the pictures and the list of rooms are up to date, and `up` enters few rooms before it writes", async () => {
  const lines: string[] = [];
  const good = await lookAtHouse(true, (line) => void lines.push(line));
  const stdout = lines.join("\n");
  expect(stdout).not.toMatch(/^!/m);
  expect(good).toBe(true);
  const rooms = /enters (\d+) rooms before its first write/.exec(stdout)?.[1];
  expect(Number(rooms)).toBeGreaterThan(5);
  expect(Number(rooms)).toBeLessThanOrEqual(12);
});

test("the page names every step of a boot, every transition of the channel and every document of the bucket", () => {
  const steps = ["boot/steps.ts", "machine/app-steps.ts"].flatMap((file) =>
    [
      ...readFileSync(path.join(root, "agent", file), "utf8").matchAll(/\bstep\(\s*(?:\{ name: )?"([^"]+)"/g),
    ].map((m) => m[1]),
  );
  expect(steps.length).toBeGreaterThanOrEqual(12);
  for (const step of steps) expect(text).toContain(`\n| ${step} |`);

  const asks = new Set(["isQuarantined", "isTooNew", "openCandidate", "fallbackOf", "releaseBefore"]);
  const transitions = Object.entries(channel).flatMap(([name, value]) =>
    typeof value === "function" && !asks.has(name) ? [name] : [],
  );
  expect(transitions.length).toBeGreaterThanOrEqual(10);
  for (const name of transitions) expect(text).toContain(`\`${name}\``);

  const rows = (of: string) => [...of.matchAll(/^(?: \* )?\| `([^`]+)` \|/gm)].map((m) => m[1] ?? "").sort();
  const listed = rows(readFileSync(path.join(root, "agent/site/names.ts"), "utf8"));
  expect(rows(text.slice(text.indexOf("## Documents in the bucket"), text.indexOf("## Rooms")))).toEqual(
    listed,
  );
  for (const key of Object.values(keys).filter((k) => typeof k === "string" && k.endsWith(".json"))) {
    expect(listed).toContain(key);
  }
});

test("every link of the page leads somewhere", () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map((m) => m[1] ?? "");
  expect(links.length).toBeGreaterThan(10);
  for (const link of links) expect(() => readFileSync(path.join(root, "docs", link)), link).not.toThrow();
  const heads = new Set(
    [...text.matchAll(/^## (.+)$/gm)].map((m) => m[1]?.toLowerCase().replaceAll(" ", "-")),
  );
  for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(heads).toContain(anchor);
});

const shop: Wing = {
  ...{ at: "shop", sees: [], drawn: true },
  floors: [{ main: "puts it together" }, { till: "takes the money" }, { cellar: "keeps the rest" }],
};
const files = ["shop/main.ts", "shop/till/a.ts", "shop/cellar/a.ts"];
const plan = (...imports: [string, string][]) =>
  planOf(
    [shop],
    shop,
    files,
    imports.flatMap(([from, to]) => importsOf(from, `import "${to}";`)),
  );

test("an arrow that runs back up is red, and one that others imply is faint", () => {
  const down = plan(
    ["shop/main.ts", "./till/a.ts"],
    ["shop/main.ts", "./cellar/a.ts"],
    ["shop/till/a.ts", "../cellar/a.ts"],
  );
  const picture = drawWing(shop, down);
  expect(picture).toContain("main → till");
  expect(picture.match(/#dde3ea/g)).toHaveLength(1);
  expect(picture).not.toContain("#d0342c");
  expect(drawWing(shop, plan(["shop/cellar/a.ts", "../till/a.ts"]))).toContain("#d0342c");
});

test("only what is between the marks is made again", () => {
  const [before, after] = ["# Title\n", "\nThe end.\n"];
  const empty = `${before}<!-- made by npm run architecture: from here -->\n<!-- to here -->${after}`;
  const made = page(empty, [{ wing: shop, plan: plan(["shop/main.ts", "./till/a.ts"]) }], ["cli", "plan"]);
  expect(made.startsWith(before) && made.endsWith(after)).toBe(true);
  expect(made).toContain("enters 2 rooms before its first write: cli, plan");
  expect(made).toContain("3 rooms on 3 floors, 1 arrows");
  expect(made).toContain("| 2 | `shop/till` | takes the money |");
  expect(page(made, [{ wing: shop, plan: plan() }], [])).not.toContain("1 arrows");
  expect(() => page("# Title", [], [])).toThrow("lacks");
});
