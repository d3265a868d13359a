import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createBrowse } from "../../../provisioner/operator/browser.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "browser-"));
  for (const name of ["DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP"]) vi.stubEnv(name, "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** xdg-open starts what BROWSER names. */
async function browser(script: string): Promise<void> {
  const file = path.join(folder, "browser");
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  vi.stubEnv("BROWSER", file);
}

test.runIf(process.platform === "linux")("says whether a browser could be started", async () => {
  const browse = createBrowse();
  vi.stubEnv("BROWSER", path.join(folder, "nothing"));
  expect(await browse("https://blog.example.com/")).toBe(false);
  await browser("exit 3");
  expect(await browse("https://blog.example.com/")).toBe(false);
  await browser(`echo "$1" > ${folder}/opened`);
  expect(await browse("https://blog.example.com/")).toBe(true);
  expect(await readFile(path.join(folder, "opened"), "utf8")).toBe("https://blog.example.com/\n");
});
