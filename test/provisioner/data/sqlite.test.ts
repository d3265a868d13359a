import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { examine } from "../../../provisioner/data/sqlite.ts";
import { makeNotes } from "./site.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-sqlite-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test("a module of the project's that has the name of one of Python's is not taken for it", async () => {
  const file = path.join(folder, "db.sqlite3");
  await makeNotes(file, 3);
  writeFileSync(path.join(folder, "json.py"), "raise SystemExit(1)\n");
  vi.stubEnv("PYTHONPATH", folder);
  expect(await examine(file)).toMatchObject({ problems: [], tables: { note: 3 } });
});
