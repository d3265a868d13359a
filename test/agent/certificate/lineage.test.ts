import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packAccounts, restoreAccounts, restoreLineage } from "../../../agent/certificate/lineage.ts";
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

const CHAIN = ["leaf", "issuer", "root"].map(
  (who) => `-----BEGIN CERTIFICATE-----\n${who}\n-----END CERTIFICATE-----\n`,
);
const hook = (what: string) => `/opt/node /opt/agent.mjs certbot-hook ${what}`;
const of = (lineage: Lineage) => ({
  ...{ lineage, key: "the key", chain: CHAIN.join(""), directory: "https://ca/directory" },
});
const accountsOnly = (entries: Lineage["entries"]): Lineage => ({ root: "/x", entries });
const everything = async (root: string) =>
  (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((e) => !e.isDirectory())
    .map((e) => relative(root, join(e.parentPath, e.name)))
    .sort();

test("the accounts are kept, and nothing else of what certbot leaves", async () => {
  const { entries } = await packAccounts(await certbotFolder());
  expect(entries.map((e) => e.path)).toEqual([
    "accounts/ca/directory/abc/private_key.json",
    "accounts/ca/directory/abc/regr.json",
  ]);
});

test("comes back elsewhere with relative links, paths of the new place and private modes", async () => {
  const lineage = await packAccounts(await certbotFolder());
  const root = join(folder, "new", "config");
  await restoreLineage(root, of(lineage), hook);
  expect(await readlink(join(root, "live/everspot/privkey.pem"))).toBe("../../archive/everspot/privkey1.pem");
  const live = (name: string) => readFile(join(root, `live/everspot/${name}.pem`), "utf8");
  expect(await live("privkey")).toBe("the key");
  expect(await live("cert")).toBe(CHAIN[0]);
  expect(await live("chain")).toBe(`${CHAIN[1]}${CHAIN[2]}`);
  expect(await live("fullchain")).toBe(CHAIN.join(""));
  expect((await stat(join(root, "live/everspot/privkey.pem"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(root, "accounts/ca/directory/abc/private_key.json"))).mode & 0o777).toBe(0o400);
  expect((await stat(root)).mode & 0o777).toBe(0o700);
  const settings = await readFile(join(root, "renewal/everspot.conf"), "utf8");
  expect(settings.split("\n")).toEqual(
    expect.arrayContaining([
      `fullchain = ${root}/live/everspot/fullchain.pem`,
      "account = abc",
      "server = https://ca/directory",
      `manual_auth_hook = ${hook("auth")}`,
    ]),
  );
  const paths = ({ entries }: Lineage) => entries.map((e) => e.path);
  expect(paths(await packAccounts(root))).toEqual(paths(lineage));
});

test("replaces what was there", async () => {
  const root = join(folder, "config");
  await mkdir(join(root, "live/other"), { recursive: true });
  await restoreAccounts(root, await packAccounts(await certbotFolder()));
  await expect(stat(join(root, "live"))).rejects.toThrow("ENOENT");
  expect(await everything(root)).toHaveLength(2);
});

const account = (path: string): Lineage["entries"][number] => ({ path, mode: 0o600, text: "{}" });
test.each<[string, Lineage["entries"]]>([
  ["a parent path", [account("accounts/../../escaped/a/regr.json")]],
  ["an absolute path", [account("/tmp/escaped/regr.json")]],
  ["a path that climbs in the middle", [account("accounts/ca/../../../escaped/a/regr.json")]],
  [
    "links that lead out together",
    [
      { path: "live/up", link: ".." },
      { path: "live/up/out", link: "../.." },
      { path: "live/up/out/escaped", mode: 0o600, text: "x" },
    ],
  ],
  ["a link in the place of an account", [{ path: "accounts/ca/a/regr.json", link: "/etc/shadow" }]],
  [
    "settings with commands",
    [{ path: "renewal/everspot.conf", mode: 0o600, text: "pre_hook = touch /owned" }],
  ],
  ["other settings", [{ path: "renewal/evil.conf", mode: 0o600, text: "pre_hook = touch /owned" }]],
  ["a hook", [{ path: "renewal-hooks/pre/evil", mode: 0o755, text: "#!/bin/sh\ntouch /owned" }]],
  ["a hook among the accounts", [{ path: "accounts/ca/a/evil.sh", mode: 0o755, text: "#!/bin/sh" }]],
  ["what is no JSON", [{ path: "accounts/ca/a/regr.json", mode: 0o600, text: "#!/bin/sh" }]],
  [
    "files that need each other's place",
    [account("accounts/ca/a/regr.json"), account("accounts/ca/a/regr.json/b/regr.json")],
  ],
])("of a hostile lineage takes no %s", async (_, entries) => {
  const root = join(folder, "deep", "config");
  await restoreLineage(
    root,
    of(accountsOnly([account("accounts/ca/directory/abc/regr.json"), ...entries])),
    hook,
  );
  const files = await everything(root);
  expect(
    files.filter((f) => !/^(live|archive)\/everspot\//.test(f) && f !== "accounts/ca/a/regr.json"),
  ).toEqual(["accounts/ca/directory/abc/regr.json", "renewal/everspot.conf"]);
  expect(await readFile(join(root, "renewal/everspot.conf"), "utf8")).not.toContain("pre_hook");
  const odd = files.includes("accounts/ca/a/regr.json")
    ? await readFile(join(root, "accounts/ca/a/regr.json"), "utf8")
    : "{}";
  expect(odd).toBe("{}");
  expect((await lstat(join(root, "accounts/ca/directory/abc/regr.json"))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["deep"]);
  expect(await readdir(join(folder, "deep"))).toEqual(["config"]);
});

test("a directory that would be more than one setting is refused, and what was there stays", async () => {
  const root = join(folder, "config");
  await restoreLineage(root, of(accountsOnly([])), hook);
  const more = { ...of(accountsOnly([])), directory: "https://ca/\npre_hook = touch /owned" };
  await expect(restoreLineage(root, more, hook)).rejects.toThrow("no ACME directory");
  expect(await readFile(join(root, "renewal/everspot.conf"), "utf8")).not.toContain("pre_hook");
});

test("a machine certbot never ran on has no account", async () => {
  expect((await packAccounts(join(folder, "none"))).entries).toEqual([]);
});
