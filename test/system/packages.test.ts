import { readdirSync } from "node:fs";
import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDebian, type Debian, packageOf } from "../../agent/packages/debian.ts";
import { securityUpdates } from "../../agent/packages/renewal.ts";
import { machineSources } from "../cloud/mirror/sources.ts";
import { type Mirror, openMirror } from "../cloud/mirror.ts";
import { ensureImage } from "../cloud/nspawn/image.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

let mirror: Mirror;
let folder: string;
let debian: Debian;

/** Debian's own apt against the mirror and an instance's image; nothing of this machine's apt is used or changed. */
beforeAll(async () => {
  const sandbox = requireSandbox();
  mirror = await openMirror(sandbox.mirrorSocket);
  const image = await ensureImage(sandbox, "debian-13", { proxy: mirror.url, progress: console.error });
  folder = await mkdtemp(path.join(sandbox.directory, "apt-"));
  const status = path.join(folder, "image-status");
  await copyFile(path.join(image, "var/lib/dpkg/status"), status);
  const { main, security, settings } = await machineSources();
  const plain = (url: string) => url.replace(/^https:/, "http:");
  const keyring = path.join(image, "usr/share/keyrings/debian-archive-keyring.gpg");
  const trusted = `[signed-by=${keyring}]`;
  await writeFile(
    path.join(folder, "sources.list"),
    `deb ${trusted} ${plain(main)} trixie main\ndeb ${trusted} ${plain(main)} trixie-updates main\ndeb ${trusted} ${plain(security)} trixie-security main\n`,
  );
  await mkdir(path.join(folder, "state/lists/partial"), { recursive: true });
  await mkdir(path.join(folder, "cache/archives/partial"), { recursive: true });
  const configuration = {
    "Dir::State": path.join(folder, "state"),
    "Dir::Cache": path.join(folder, "cache"),
    "Dir::Etc::sourcelist": path.join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::Etc::main": "-",
    "Dir::Etc::parts": "-",
    "Acquire::http::Proxy": mirror.url,
    "APT::Sandbox::User": "root",
    "APT::Architecture": process.arch === "x64" ? "amd64" : process.arch,
    ...settings,
  };
  const lines = Object.entries(configuration).map(([name, value]) => `${name} "${value}";\n`);
  await writeFile(path.join(folder, "apt.conf"), lines.join(""));
  process.env.APT_CONFIG = path.join(folder, "apt.conf");
  debian = createDebian({ imageStatus: status, codename: "trixie", keyring });
});
afterAll(async () => {
  delete process.env.APT_CONFIG;
  await rm(folder, { recursive: true, force: true });
  await mirror.close();
});

const wanted = { lean: ["nginx"] };

test("what the mirror offers is what it then brings, down to the version", async () => {
  const offers = await debian.offers(wanted);
  const files = await debian.download(wanted, path.join(folder, "debs"));
  const had = files.map(packageOf).map(({ name, version }) => `${name} ${version}`);
  expect(had).toContainEqual(expect.stringMatching(/^nginx \d/));
  expect(offers.map((o) => `${o.name} ${o.version}`).sort()).toEqual(had.sort());
  expect(securityUpdates(files, offers)).toEqual([]);
  const older = files.map((file) => file.replace(/_[^_]+_/, "_0_"));
  const fixed = offers.filter((o) => o.security).map((o) => `${o.name} ${o.version}`);
  expect(securityUpdates(older, offers).sort()).toEqual(fixed.sort());
});

test("what the mirror brought is Debian's for the next machine, and one byte more is not", async () => {
  const place = path.join(folder, "kept");
  const files = await debian.download(wanted, place);
  const { files: index, dates } = await debian.pack(place, files);
  expect(index.sort()).toEqual(
    ["trixie", "trixie-security", "trixie-updates"]
      .flatMap((s) => [`${s}.InRelease`, `${s}.Packages.gz`])
      .sort(),
  );
  const checked = await debian.check(place, files, dates);
  expect((await readdir(checked.folder)).filter((n) => n.endsWith(".deb")).sort()).toEqual([...files].sort());
  expect(checked.index).toEqual(dates);
  await appendFile(path.join(place, files[0] ?? ""), "x");
  await expect(debian.check(place, files, dates)).rejects.toThrow(/apt does not take the layer's packages/);
});

test("a package that Debian's security updates have is known for one", async () => {
  const lists = path.join(folder, "state/lists");
  const name =
    (await readdir(lists)).find((n) => /security.*_Packages$/.test(n)) ??
    expect.fail(readdirSync(lists).join());
  const text = await readFile(path.join(lists, name), "utf8");
  const names = [...new Set([...text.matchAll(/^Package: (\S+)$/gm)].map((m) => m[1] ?? ""))];
  expect(names.length).toBeGreaterThan(0);
  for (const one of names.slice(0, 20)) {
    const found = await debian.offers({ lean: [one] }).catch(() => []);
    const offer = found.find((o) => o.name === one);
    if (offer?.security)
      return expect(securityUpdates([`${one}_0_all.deb`], found)).toContain(`${one} ${offer.version}`);
  }
  expect.fail(`none of ${names.slice(0, 20).join(", ")} is offered as a security update`);
});
