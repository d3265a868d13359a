/** What the machine before left as packages, held against Debian's signatures by real apt; with a Debian of our own. */
import { link, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkLayer } from "../../agent/packages/check.ts";
import { debianArch, packIndex } from "../../agent/packages/debian-index.ts";
import type { IndexDates } from "../../agent/site/layers.ts";
import { TinyDebian } from "./tiny-debian.ts";

let folder: string;
let debian: TinyDebian;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-layer-"));
  debian = await TinyDebian.open(path.join(folder, "debian"));
  await writeFile(path.join(folder, "status"), "");
  await writeFile(
    path.join(folder, "apt.conf"),
    'APT::Sandbox::User "root";\nDir::Etc::main "-";\nDir::Etc::parts "-";\n',
  );
  process.env.APT_CONFIG = path.join(folder, "apt.conf");
});
afterAll(async () => {
  delete process.env.APT_CONFIG;
  await debian.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => debian.clear());

const DAY = 86_400_000;
const NOW = Date.now();
const ago = (days: number) => new Date(NOW - days * DAY);
let layers = 0;

/** What a machine keeps that installs web and web-data from this Debian. */
async function layer(debs: readonly string[]): Promise<string> {
  const place = path.join(folder, `layer-${++layers}`);
  await mkdir(place);
  await debian.indexInto(place);
  await packIndex("trixie", place);
  for (const deb of debs) await link(debian.deb(deb), path.join(place, deb));
  return place;
}

const check = (place: string, files: readonly string[], since: IndexDates = {}, now = NOW) =>
  checkLayer({
    ...{ folder: place, files, codename: "trixie", keyring: debian.keyring, since, now },
    status: path.join(folder, "status"),
  });

const WEB = `web_1%3a1.0_${debianArch()}.deb`;
const DATA = "web-data_1.0_all.deb";
const good = async () => {
  await debian.add("trixie", "web", "1:1.0", debianArch(), "web-data");
  await debian.add("trixie", "web-data", "1.0", "all");
  await debian.publish(ago(2));
  return layer([WEB, DATA]);
};

test("what Debian has signed is taken, and nothing else lies where it is installed from", async () => {
  const place = await good();
  await writeFile(path.join(place, "more.deb"), "not asked for");
  const checked = await check(place, [WEB, DATA]);
  expect((await readdir(checked.folder)).filter((name) => name.endsWith(".deb")).sort()).toEqual(
    [WEB, DATA].sort(),
  );
  expect(Object.keys(checked.index).sort()).toEqual(["trixie", "trixie-security", "trixie-updates"]);
  expect(Date.parse(checked.index["trixie-security"] ?? "")).toBeCloseTo(ago(2).getTime(), -4);
  expect(checked.expired).toEqual([]);
});

describe("refused is", () => {
  test("a package that Debian does not have", async () => {
    const place = await good();
    const foreign = "foreign_1.0_all.deb";
    await debian.build("foreign", "1.0", "all", path.join(place, foreign));
    await expect(check(place, [WEB, DATA, foreign])).rejects.toThrow(`not in Debian's index: ${foreign}`);
  });

  test("other content under a package's name", async () => {
    const place = await good();
    await rm(path.join(place, WEB));
    await debian.build("web", "1:1.0", debianArch(), path.join(place, WEB), { postinst: "touch /owned" });
    await expect(check(place, [WEB, DATA])).rejects.toThrow(
      /apt does not take the layer's packages.*Hash Sum mismatch/s,
    );
  });

  test("an older package that Debian has signed too", async () => {
    const place = await good();
    await debian.add("trixie-security", "web", "1:1.1", debianArch(), "web-data");
    await debian.publish(ago(1));
    const fixed = await layer([WEB, DATA]);
    await expect(check(place, [WEB, DATA])).resolves.toBeDefined();
    await expect(check(fixed, [WEB, DATA])).rejects.toThrow(
      /apt does not take the layer's packages for Debian's newest/,
    );
  });

  test("an older index with its older packages, once the site has had a newer one", async () => {
    const place = await good();
    const since = { "trixie-security": ago(1).toISOString() };
    await expect(check(place, [WEB, DATA], since)).rejects.toThrow(/older than what this site had already/);
    const same = { "trixie-security": ago(3).toISOString() };
    await expect(check(place, [WEB, DATA], same)).resolves.toBeDefined();
  });

  test("an index signed by anybody else", async () => {
    const place = await good();
    const other = await TinyDebian.open(path.join(folder, "other"));
    try {
      await other.publish(ago(2));
      await other.indexInto(place);
      await packIndex("trixie", place);
    } finally {
      await other.close();
    }
    await expect(check(place, [WEB, DATA])).rejects.toThrow(
      /apt does not take the layer's index for Debian's/,
    );
  });

  test("an index whose text was changed, or added to", async () => {
    for (const change of [
      (text: string) => text.replace(/^ [0-9a-f]{64}/m, ` ${"0".repeat(64)}`),
      (text: string) => `Codename: trixie\n${text}`,
    ]) {
      const place = await good();
      await debian.rewrite(path.join(place, "trixie.InRelease"), change);
      await expect(check(place, [WEB, DATA])).rejects.toThrow(
        /apt does not take the layer's index for Debian's/,
      );
      await debian.clear();
    }
  });

  test("another list of packages than the signed one", async () => {
    const place = await good();
    await debian.add("trixie", "foreign", "1.0", "all");
    await debian.packagesInto(place);
    await packIndex("trixie", place);
    const foreign = "foreign_1.0_all.deb";
    await link(debian.deb(foreign), path.join(place, foreign));
    await expect(check(place, [WEB, DATA, foreign])).rejects.toThrow("not the one that Debian signed");
  });

  test("a layer without the index of security updates, or with another in its place", async () => {
    const place = await good();
    await rm(path.join(place, "trixie-security.InRelease"));
    await expect(check(place, [WEB, DATA])).rejects.toThrow(
      "the layer has no signed index of trixie-security",
    );
    await link(path.join(place, "trixie.InRelease"), path.join(place, "trixie-security.InRelease"));
    await expect(check(place, [WEB, DATA])).rejects.toThrow(/trixie/);
  });

  test("a link, a pipe or a folder for a file", async () => {
    const place = await good();
    const file = path.join(place, DATA);
    for (const make of [
      () => symlink("/etc/passwd", file),
      () => execa("mkfifo", [file]),
      () => mkdir(file),
    ]) {
      await rm(file, { recursive: true });
      await make();
      await expect(check(place, [WEB, DATA])).rejects.toThrow(`the layer's ${DATA} is not a file`);
    }
  });
});

test("an index that expired is believed, and said to be expired", async () => {
  await debian.add("trixie", "web-data", "1.0", "all");
  await debian.publish(ago(30));
  const checked = await check(await layer([DATA]), [DATA]);
  expect(checked.expired.map(({ suite }) => suite).sort()).toEqual(["trixie-security", "trixie-updates"]);
});
