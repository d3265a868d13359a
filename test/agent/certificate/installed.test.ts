import { mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { install, installedPaths, readInstalled } from "../../../agent/certificate/installed.ts";

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "everspot-installed-")), "certificates");
});
afterEach(() => rm(join(folder, ".."), { recursive: true }));

test("keeps the paths, changes key and chain together, and leaves only the newest", async () => {
  expect(await readInstalled(folder)).toBeUndefined();
  expect(await install(folder, { key: "k1", chain: "c1" })).toBe(true);
  expect(await install(folder, { key: "k1", chain: "c1" })).toBe(false);
  expect(await install(folder, { key: "k2", chain: "c2" })).toBe(true);
  const paths = installedPaths(folder);
  expect(await readFile(paths.key, "utf8")).toBe("k2");
  expect(await readFile(paths.fullchain, "utf8")).toBe("c2");
  expect((await stat(paths.key)).mode & 0o777).toBe(0o600);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(await readdir(folder)).toHaveLength(2);
});

test("a reader in between never sees a key with another's chain", async () => {
  await install(folder, { key: "0", chain: "0" });
  let stop = false;
  let seen = 0;
  const reading = (async () => {
    while (!stop || seen === 0) {
      // As nginx does, but of one resolved folder: what it is about to read may be removed, and is never of two pairs.
      const target = await readlink(join(folder, "current"));
      const [key, chain] = await Promise.all(
        ["privkey.pem", "fullchain.pem"].map((name) => readFile(join(folder, target, name), "utf8")),
      ).catch(() => []);
      if (key === undefined) expect(await readlink(join(folder, "current"))).not.toBe(target);
      else seen++;
      expect(key).toBe(chain);
    }
  })();
  for (let i = 1; i <= 20; i++) await install(folder, { key: String(i), chain: String(i) });
  stop = true;
  await reading;
});
