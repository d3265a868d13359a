import path from "node:path";
import { describe, expect, test } from "vitest";
import { house, type Wing } from "../scripts/architecture/house.ts";
import { importsOf, readImports, sources } from "../scripts/architecture/imports.ts";
import { faults, planOf } from "../scripts/architecture/rules.ts";

const root = path.resolve(import.meta.dirname, "..");
const files = sources(root, ["agent", "provisioner", "user-data", "scripts", "test/cloud"]);
const imports = readImports(root, files);

test("the house is as it is written down: every import leads downwards, and to where it may", () => {
  expect(faults(house, files, imports)).toEqual([]);
});

test("the provisioner is a house of rooms, not a knot", () => {
  const wing = house.find((w) => w.at === "provisioner") as Wing;
  const { rooms, arrows, up, circles } = planOf(house, wing, files, imports);
  expect(rooms.length).toBeGreaterThanOrEqual(16);
  expect(arrows.length).toBeLessThanOrEqual(75);
  expect([up, circles]).toEqual([[], []]);
});

/** Of one file with an import, as if it were there, in the house as it is written down. */
const withImport = (file: string, text: string) =>
  faults(house, [...files, file], [...imports, ...importsOf(file, text)]).filter((f) => f.includes(file));

test("the rule notices a forbidden import", () => {
  expect(withImport("agent/boot/a.ts", 'import { x } from "../../provisioner/cli.ts";')).toEqual([
    "agent/boot/a.ts imports provisioner/cli.ts, which agent/ may not see",
  ]);
  expect(withImport("user-data/a.ts", 'import { x } from "../agent/boot/a.ts";')).toHaveLength(1);
  expect(withImport("agent/site/a.ts", 'import { x } from "../../user-data/a.ts";')).toHaveLength(1);
  expect(withImport("provisioner/aws/a.ts", 'import { x } from "../../test/cloud/cloud.ts";')).toHaveLength(
    1,
  );
  expect(withImport("test/cloud/a.ts", 'import { x } from "../../agent/aws/imds.ts";')).toContain(
    "test/cloud/a.ts imports agent/aws/imds.ts, which test/cloud/ may not see",
  );
});

describe("the rule notices", () => {
  const wing: Wing = {
    at: "shop",
    sees: [],
    most: 2,
    loose: ["main.ts"],
    floors: [{ main: "" }, { till: "", window: "" }, { cellar: "" }],
  };
  const own = ["shop/main.ts", "shop/till/a.ts", "shop/window/a.ts", "shop/cellar/a.ts"];
  const found = (more: string[], from = "shop/main.ts", text = "") =>
    faults([wing], [...own, ...more], importsOf(from, text));

  test("nothing where there is nothing", () => {
    expect(found([], "shop/till/a.ts", 'import type { A } from "../cellar/a.ts";')).toEqual([]);
  });
  test("an arrow up, also of a type alone", () => {
    expect(found([], "shop/cellar/a.ts", 'import type { A } from "../till/a.ts";')).toEqual([
      "shop/cellar/a.ts imports shop/till/a.ts, which is not below it",
    ]);
  });
  test("an arrow to the same floor", () => {
    expect(found([], "shop/till/a.ts", 'export * from "../window/a.ts";')).toEqual([
      "shop/till/a.ts imports shop/window/a.ts, which is not below it",
    ]);
  });
  test("an import over several lines, and one that waits until it is needed", () => {
    expect(found([], "shop/cellar/a.ts", 'import {\n  a,\n} from "../till/a.ts";')).toHaveLength(1);
    expect(found([], "shop/cellar/a.ts", 'const { a } = await import("../till/a.ts");')).toHaveLength(1);
  });
  test("files of one room that import each other in a circle", () => {
    const circle = [
      ...importsOf("shop/till/a.ts", 'import "./b.ts";'),
      ...importsOf("shop/till/b.ts", 'import type { A } from "./a.ts";'),
    ];
    expect(faults([wing], [...own, "shop/till/b.ts"], circle)).toEqual([
      "these files import each other in a circle: shop/till/a.ts, shop/till/b.ts",
    ]);
  });
  test("a room on no floor, a floor without its room, a full room, a loose file", () => {
    expect(found(["shop/attic/a.ts"])).toEqual(["shop/attic is on no floor of the house"]);
    expect(faults([wing], own.slice(0, 3), [])).toEqual([
      "shop/cellar is on a floor of the house, and not there",
    ]);
    expect(found(["shop/till/b.ts", "shop/till/c.ts"])).toEqual(["shop/till/ has 3 files, more than 2"]);
    expect(found(["shop/till.ts"])).toEqual(["shop/till.ts lies outside of any room"]);
  });
});
