import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { hasSourceLayout } from "../../../agent/serving/source-layout.ts";

test.each([
  [["src/site/wsgi.py"], true],
  [["src/site.py"], true],
  [["site/wsgi.py", "src/site/wsgi.py"], false],
  [["site.py", "src/other.py"], false],
  [["src/other/wsgi.py"], false],
])("%j has its packages in src: %s", async (files, expected) => {
  const root = mkdtempSync(path.join(tmpdir(), "everspot-layout-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const file of files) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), "");
  }
  expect(await hasSourceLayout(root, "site.wsgi:application")).toBe(expected);
});
