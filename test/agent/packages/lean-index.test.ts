import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LEAN_INDEX } from "../../../agent/packages/debian.ts";

/** As in Debian's cloud images. */
const SOURCES = `Types: deb deb-src
URIs: http://127.0.0.1:9/debian
Suites: trixie trixie-backports
Components: main
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-apt-"));
  await mkdir(join(folder, "parts"));
  await mkdir(join(folder, "lists/partial"), { recursive: true });
  await writeFile(join(folder, "parts/debian.sources"), SOURCES);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Addresses that an update would fetch from; apt asks no one. */
async function fetched(more: readonly string[]): Promise<string> {
  const own = [`Etc::sourcelist=/dev/null`, `Etc::sourceparts=${join(folder, "parts")}`];
  const set = [...own, `State::lists=${join(folder, "lists")}`].flatMap((o) => ["-o", `Dir::${o}`]);
  return (await execa("apt-get", [...set, ...more, "--print-uris", "update"])).stdout;
}

test("of Debian's own list of sources, an update fetches what can be installed, and no source packages", async () => {
  expect(await fetched([])).toMatch(/trixie\/main\/source\/Sources/);
  const lean = await fetched(LEAN_INDEX);
  expect(lean).toMatch(/trixie\/main\/binary-\w+\/Packages/);
  expect(lean).not.toMatch(/Sources|i18n/);
});
