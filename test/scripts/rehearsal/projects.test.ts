import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lookAt } from "../../../scripts/rehearsal/projects/copy.ts";
import { leaveSilent } from "../../../scripts/rehearsal/projects/indexes.ts";
import {
  errorIn,
  type Outcome,
  packingSeconds,
  warningsIn,
} from "../../../scripts/rehearsal/projects/outcome.ts";
import { row, withRows } from "../../../scripts/rehearsal/projects/table.ts";
import { assetsOf } from "../../../scripts/rehearsal/projects/visit.ts";
import { STARTPROJECT } from "../../provisioner/project/project.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "projects-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const served: Outcome = {
  ...{
    project: "ann/blog",
    commit: "1a2b3c4",
    os: "debian-13",
    result: "served",
    asked: [],
    commands: ["everspot up"],
  },
  ...{ attempts: 1, seconds: { packing: 12.4, up: 48.6, deploy: 60, heal: 14.5 } },
  ...{ notes: [], warnings: [], visits: [], problems: [] },
};

test("a clone is known by where it came from; a folder that is not there is told how to get", async () => {
  const git = (...args: string[]) => execFileSync("git", ["-C", folder, ...args], { stdio: "ignore" });
  git("init");
  git("remote", "add", "origin", "https://github.com/simonw/simonwillisonblog.git");
  const given = await lookAt(folder);
  expect(given).toMatchObject({ name: "simonw/simonwillisonblog", commit: undefined });
  expect(given.known?.refused?.test("it needs PostgreSQL on localhost")).toBe(true);
  const missing = await lookAt(path.join(folder, "bakerydemo")).catch((error) => error);
  expect(missing).toMatchObject({ exitCode: 2, message: expect.stringContaining("there is no folder") });
  expect(missing.lines[0]).toBe(
    `git clone https://github.com/wagtail/bakerydemo ${folder}/bakerydemo && git -C ${folder}/bakerydemo checkout 8e2b625`,
  );
});

test("what startproject made and nothing else is known by the Django that made it", async () => {
  for (const [name, text] of Object.entries(STARTPROJECT)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  expect(await lookAt(folder)).toMatchObject({ name: "`django-admin startproject`", commit: "5.2.1" });
  await writeFile(path.join(folder, "README.md"), "mine");
  expect(await lookAt(folder)).toMatchObject({ name: path.basename(folder), commit: undefined });
});

test("the page keeps the rows of other projects", () => {
  const page =
    "# Projects\n<!-- table: scripts/rehearse --project … --write -->\n<!-- end of the table -->\nmore\n";
  const one = withRows(page, [served]);
  expect(one).toContain(
    "| ann/blog | 1a2b3c4 | 13 | served |  | `everspot up` | 1 | 12 s | 49 s | 60 s | 15 s |\n<!-- end",
  );
  const refused: Outcome = {
    ...served,
    project: "bob/maps",
    result: "refused",
    reason: "needs a|b",
    seconds: {},
  };
  const two = withRows(one, [refused, { ...served, problems: ["no CSS"] }]);
  expect(two.match(/ann\/blog/g)).toHaveLength(1);
  expect(two).toContain("| served, but no CSS |");
  expect(two).toContain("| bob/maps | 1a2b3c4 | 13 | refused: needs a\\|b |");
  expect(two.endsWith("<!-- end of the table -->\nmore\n")).toBe(true);
  expect(row(refused).slice(7)).toEqual(["", "", "", ""]);
});

test("an index that does not answer from here gives way, in the copy", async () => {
  const file = path.join(folder, "requirements.txt");
  await writeFile(
    file,
    "-i https://old.invalid/simple\n--extra-index-url=https://own.example/simple\ndjango\n",
  );
  expect(await leaveSilent(folder, "https://old.invalid/simple")).toEqual(["https://old.invalid/simple"]);
  expect(await readFile(file, "utf8")).toBe(
    "# -i https://old.invalid/simple\n--extra-index-url=https://own.example/simple\ndjango\n",
  );
  expect(await leaveSilent(folder, "")).toEqual([]);
});

test("what the command line said", () => {
  const lines = [
    "✓ pack (2,345 files, 18.2 MB, 1 min 12 s)",
    "  ! look: DEBUG is on",
    "error: it failed",
    "  more",
  ];
  expect(packingSeconds(lines)).toBe(72);
  expect(packingSeconds(["✓ pack (9 files, 3.4 s)"])).toBe(3.4);
  expect(packingSeconds(["✓ look at what is there (0.1 s)"])).toBeUndefined();
  expect(warningsIn(lines)).toEqual(["look: DEBUG is on"]);
  expect(errorIn(lines)).toBe("it failed");
  const found = [
    "    settings.py:9: it needs PostGIS (project.E008)",
    "      → name a server",
    "    plain words",
  ];
  expect(errorIn(["error: 1 problem", ...found])).toBe(
    "1 problem; settings.py:9: it needs PostGIS (project.E008)",
  );
  expect(errorIn([])).toBe("it said nothing");
});

test("a visitor fetches what a page names", () => {
  const html = `<link rel="stylesheet" href="/a.css"><link rel="canonical" href="/"><img alt="" src="b.png"><script src='c.js?x&amp;y'></script><img src="data:,"><!-- <img src="no"> -->`;
  expect(assetsOf(html)).toEqual(["/a.css", "b.png", "c.js?x&y"]);
});
