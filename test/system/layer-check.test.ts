/** What the machine before left as packages, held against Debian's signatures by real apt; with a Debian of our own. */

import { once } from "node:events";
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkLayer } from "../../agent/packages/check.ts";
import { debianArch, packIndex } from "../../agent/packages/debian-index.ts";
import type { IndexDates } from "../../agent/site/layers.ts";
import { type Mirror, openMirror } from "../cloud/mirror.ts";
import { ensureImage } from "../cloud/nspawn/image.ts";
import { Disk } from "../cloud/nspawn/overlay.ts";
import type { Os } from "../cloud/nspawn/recipe.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";
import { TinyDebian } from "./tiny-debian.ts";

let folder: string;
let debian: TinyDebian;
let mirror: Mirror;
beforeAll(async () => {
  const sandbox = requireSandbox();
  mirror = await openMirror(sandbox.mirrorSocket);
  folder = await mkdtemp(path.join(sandbox.directory, "layer-"));
  // apt reads it as a user of its own.
  await chmod(folder, 0o755);
  debian = await TinyDebian.open(path.join(folder, "debian"));
  await writeFile(path.join(folder, "status"), "");
  // As in Debian's images, whatever this machine's apt is told.
  await writeFile(
    path.join(folder, "apt.conf"),
    ["Dir::Etc::main", "Dir::Etc::parts"].map((name) => `${name} "/dev/null";\n`).join(""),
  );
  process.env.APT_CONFIG = path.join(folder, "apt.conf");
});
afterAll(async () => {
  delete process.env.APT_CONFIG;
  await debian.close();
  await rm(folder, { recursive: true, force: true });
  await mirror.close();
});
beforeEach(() => debian.clear());

/** From here on `apt-get` is that of an image, with its own verifier, which sees this test's folder. */
async function useAptOf(os: Os): Promise<() => Promise<void>> {
  const image = await ensureImage(requireSandbox(), os, { proxy: mirror.url, progress: console.error });
  const disk = new Disk(path.join(folder, os), [image]);
  await disk.mount();
  const inside = path.join(disk.root, folder);
  await mkdir(inside, { recursive: true });
  await execa("mount", ["--bind", folder, inside]);
  await execa("mount", ["--rbind", "/dev", path.join(disk.root, "dev")]);
  const bin = path.join(folder, `bin-${os}`);
  await mkdir(bin);
  const program = `#!/bin/sh\nexec chroot '${disk.root}' /usr/bin/apt-get "$@"\n`;
  await writeFile(path.join(bin, "apt-get"), program, { mode: 0o755 });
  const before = process.env.PATH;
  process.env.PATH = `${bin}:${before}`;
  return async () => {
    process.env.PATH = before;
    await execa("umount", ["--lazy", path.join(disk.root, "dev"), inside]);
    await disk.remove();
  };
}

/** As dpkg and apt lock. */
const HOLD = `
import fcntl, sys
files = [open(name, "w") for name in sys.argv[1:]]
for file in files: fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
`;

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

/** Of another size: apt 3 has no name for that. */
const refusedByApt = /apt does not take the layer's packages.*(Hash Sum mismatch|Undetermined Error)/s;
const WEB = `web_1%3a1.0_${debianArch()}.deb`;
const DATA = "web-data_1.0_all.deb";
const good = async () => {
  await debian.add("trixie", "web", "1:1.0", debianArch(), "web-data");
  await debian.add("trixie", "web-data", "1.0", "all");
  await debian.publish(ago(2));
  return layer([WEB, DATA]);
};

describe.each(["debian-13", "debian-12"] as const)("by the apt of %s,", (os) => {
  let leave: () => Promise<void>;
  beforeAll(async () => {
    leave = await useAptOf(os);
  });
  afterAll(() => leave());

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
      await expect(check(place, [WEB, DATA])).rejects.toThrow(refusedByApt);
    });

    test("a package with one byte changed", async () => {
      const place = await good();
      const bytes = await readFile(path.join(place, DATA));
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
      await rm(path.join(place, DATA));
      await writeFile(path.join(place, DATA), bytes);
      await expect(check(place, [WEB, DATA])).rejects.toThrow(refusedByApt);
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

    test("a package that the image has newer already", async () => {
      const place = await good();
      const has = (version: string) =>
        writeFile(
          path.join(folder, "status"),
          `Package: web-data\nStatus: install ok installed\nVersion: ${version}\nArchitecture: all\nMaintainer: Nobody <nobody@test>\nDescription: of a test\n\n`,
        );
      try {
        await has("0.9");
        await expect(check(place, [WEB, DATA])).resolves.toBeDefined();
        await has("1.1");
        await expect(check(place, [WEB, DATA])).rejects.toThrow(`not what Debian's index has: ${DATA}`);
      } finally {
        await writeFile(path.join(folder, "status"), "");
      }
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
      const other = await TinyDebian.open(path.join(folder, `other-${os}`));
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
      for (const name of ["InRelease", "Packages.gz"]) {
        await rm(path.join(place, `trixie-security.${name}`), { force: true });
        await link(path.join(place, `trixie.${name}`), path.join(place, `trixie-security.${name}`));
      }
      await expect(check(place, [WEB, DATA])).rejects.toThrow(
        /index of trixie in place of trixie-security's|Conflicting distribution/,
      );
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

  test("who installs something meanwhile is in no one's way", async () => {
    const place = await good();
    // Beside the status file, where apt would take its lock, and where it does for the machine itself.
    const places = [folder, path.join(folder, os, "root/var/lib/dpkg")];
    const locks = places.flatMap((at) => [`${at}/lock-frontend`, `${at}/lock`]);
    const holding = execa("python3", ["-c", HOLD, ...locks]);
    try {
      await once(holding.stdout, "data");
      await expect(check(place, [WEB, DATA])).resolves.toBeDefined();
    } finally {
      holding.stdin.end();
      await holding;
    }
  });

  test("an index that expired is believed, and said to be expired", async () => {
    await debian.add("trixie", "web-data", "1.0", "all");
    await debian.publish(ago(30));
    const checked = await check(await layer([DATA]), [DATA]);
    expect(checked.expired.map(({ suite }) => suite).sort()).toEqual(["trixie-security", "trixie-updates"]);
  });
});
