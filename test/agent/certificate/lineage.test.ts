import { lstat, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { accountsOf, packLineage, restoreLineage } from "../../../agent/certificate/lineage.ts";
import type { Lineage } from "../../../agent/site/certificates.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-lineage-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** As certbot leaves it after the first renewal. */
async function certbotFolder(): Promise<string> {
  const root = join(folder, "old", "config");
  const file = async (path: string, text: string, mode = 0o644) => {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), text, { mode });
  };
  await file("accounts/ca/directory/abc/private_key.json", "{}", 0o400);
  await file("accounts/ca/directory/abc/regr.json", "{}");
  for (const n of [1, 2]) {
    await file(`archive/everspot/privkey${n}.pem`, `key ${n}`, 0o600);
    await file(`archive/everspot/fullchain${n}.pem`, `chain ${n}`);
  }
  await mkdir(join(root, "live/everspot"), { recursive: true });
  await symlink("../../archive/everspot/privkey2.pem", join(root, "live/everspot/privkey.pem"));
  await symlink("../../archive/everspot/fullchain2.pem", join(root, "live/everspot/fullchain.pem"));
  await file(
    "renewal/everspot.conf",
    `archive_dir = ${root}/archive/everspot\nconfig_dir = ${root}\nserver = https://ca.test/${root}\nother = ${root}2\n`,
  );
  await file("keys/0001_key-certbot.pem", "spare", 0o600);
  await file("csr/0001_csr-certbot.pem", "csr");
  return root;
}

test("comes back elsewhere with relative links, moved paths and private modes, without spare keys", async () => {
  const lineage = await packLineage(await certbotFolder());
  const root = join(folder, "new", "config");
  await restoreLineage(root, lineage);
  expect(await readlink(join(root, "live/everspot/privkey.pem"))).toBe("../../archive/everspot/privkey2.pem");
  expect(await readFile(join(root, "live/everspot/privkey.pem"), "utf8")).toBe("key 2");
  expect((await stat(join(root, "live/everspot/privkey.pem"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(root, "accounts/ca/directory/abc/private_key.json"))).mode & 0o777).toBe(0o400);
  expect((await stat(root)).mode & 0o777).toBe(0o700);
  expect(await readFile(join(root, "renewal/everspot.conf"), "utf8")).toBe(
    `archive_dir = ${root}/archive/everspot\nconfig_dir = ${root}\nserver = https://ca.test/${lineage.root}\nother = ${lineage.root}2\n`,
  );
  for (const gone of ["archive/everspot/privkey1.pem", "keys", "csr"]) {
    await expect(lstat(join(root, gone)), gone).rejects.toThrow("ENOENT");
  }
  expect((await packLineage(root)).entries.map((e) => e.path)).toEqual(lineage.entries.map((e) => e.path));
});

test("replaces what was there", async () => {
  const root = join(folder, "config");
  await mkdir(join(root, "live/other"), { recursive: true });
  await restoreLineage(root, { root, entries: [{ path: "accounts/a", mode: 0o600, text: "x" }] });
  await expect(stat(join(root, "live"))).rejects.toThrow("ENOENT");
  expect(await readFile(join(root, "accounts/a"), "utf8")).toBe("x");
});

test.each<[string, Lineage["entries"][number]]>([
  ["a parent path", { path: "../escaped", mode: 0o600, text: "x" }],
  ["an absolute path", { path: "/tmp/escaped", mode: 0o600, text: "x" }],
  ["a path that climbs in the middle", { path: "live/../../escaped", mode: 0o600, text: "x" }],
  ["a link to the outside", { path: "live/everspot/key.pem", link: "../../../escaped" }],
  ["an absolute link", { path: "live/key.pem", link: "/etc/shadow" }],
])("refuses %s and leaves what was there", async (_, entry) => {
  const root = join(folder, "config");
  await restoreLineage(root, { root, entries: [{ path: "accounts/a", mode: 0o600, text: "x" }] });
  await expect(restoreLineage(root, { root, entries: [entry] })).rejects.toThrow("outside its folder");
  expect(await readFile(join(root, "accounts/a"), "utf8")).toBe("x");
});

test("an order for other names takes the accounts only", async () => {
  const accounts = accountsOf(await packLineage(await certbotFolder()));
  expect(accounts.entries.map((e) => e.path)).toEqual([
    "accounts/ca/directory/abc/private_key.json",
    "accounts/ca/directory/abc/regr.json",
  ]);
});

test("a machine certbot never ran on has an empty one", async () => {
  expect((await packLineage(join(folder, "none"))).entries).toEqual([]);
});
