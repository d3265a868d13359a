import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isInMaintenance, layOutMaintenance } from "../../../agent/machine/maintenance.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "maintenance-"));
});
afterEach(() => rm(folder, { recursive: true }));

const places = () => ({
  marker: join(folder, "m/on"),
  page: join(folder, "m/page.html"),
  allowed: join(folder, "m/allowed"),
});

test("the page and the addresses are there before the marker; switched off, the marker goes", async () => {
  await layOutMaintenance(places(), undefined);
  expect(await readdir(folder)).toEqual([]);
  await layOutMaintenance(places(), { on: true, allow: ["203.0.113.7", "203.0.113.8"], page: "<p>soon" });
  expect(await isInMaintenance(places())).toBe(true);
  expect(await readFile(places().page, "utf8")).toBe("<p>soon");
  expect((await readdir(places().allowed)).sort()).toEqual(["203.0.113.7", "203.0.113.8"]);
  await layOutMaintenance(places(), { on: true, allow: ["203.0.113.8"] });
  expect(await readdir(places().allowed)).toEqual(["203.0.113.8"]);
  expect(await readFile(places().page, "utf8")).toContain("Down for maintenance");
  await layOutMaintenance(places(), { on: false, allow: [] });
  expect(await isInMaintenance(places())).toBe(false);
});
