import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { debianArch, parseRelease, readPackages } from "../../../agent/packages/debian-index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-index-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const entry = (name: string, more = "") =>
  `Package: ${name}\nVersion: 1:2.0-1\nArchitecture: all\nDescription: of ${name}${more}\n`;

test("the entries asked for are found wherever they lie, and the whole is hashed", async () => {
  // More than one piece of the stream, so that entries lie across its borders.
  const names = Array.from({ length: 2000 }, (_, i) => `p${i}`);
  const text = names.map((name) => entry(name, "ü".repeat(i(name)))).join("\n");
  const file = join(folder, "Packages.gz");
  await writeFile(file, gzipSync(text));
  const read = await readPackages(file, new Set(["p0", "p777", "p1999", "absent"]));
  expect(read.sha256).toBe(createHash("sha256").update(text).digest("hex"));
  expect(read.stanzas.map((s) => s.name)).toEqual(["p0", "p777", "p1999"]);
  expect(read.stanzas[1]).toMatchObject({ version: "1:2.0-1", architecture: "all" });
  // Bytes as they are: what apt reads later is what was hashed.
  expect(Buffer.from(read.stanzas[1]?.text ?? "", "latin1").toString()).toBe(
    entry("p777", "ü".repeat(i("p777"))).trimEnd(),
  );
});
const i = (name: string) => Number(name.slice(1)) % 97;

describe("what could not be Debian's fills no memory:", () => {
  const hostile = async (piece: string, times: number) => {
    const file = join(folder, "Packages.gz");
    // Files of gzip one after another are one.
    const packed = gzipSync(piece, { level: 1 });
    await writeFile(file, Buffer.concat(Array.from({ length: times }, () => packed)));
    await expect(readPackages(file, new Set(["nginx"]))).rejects.toThrow("larger than Debian's could be");
  };
  test("an entry without an end", () => hostile("x".repeat(1_000_000), 20));
  test("a list without an end", () => hostile(`${entry("p", "x".repeat(10_000))}\n`.repeat(1000), 31));
});

describe("an InRelease", () => {
  const text = [
    ...[
      "-----BEGIN PGP SIGNED MESSAGE-----",
      "Hash: SHA256",
      "",
      "Origin: Debian",
      "Codename: trixie-security",
    ],
    ...["Date: Tue, 24 Nov 2026 00:34:34 UTC", "Valid-Until: Tue, 01 Dec 2026 00:34:34 UTC", "SHA256:"],
    ` ${"a".repeat(64)}  2249766 main/binary-${debianArch()}/Packages`,
    ` ${"b".repeat(64)}   309000 main/binary-${debianArch()}/Packages.xz`,
  ];
  test("says of what, when, until when and the list's hash", () => {
    expect(parseRelease(text.join("\n"))).toEqual({
      ...{ codename: "trixie-security", date: "2026-11-24T00:34:34.000Z", packages: "a".repeat(64) },
      until: new Date("2026-12-01T00:34:34Z"),
    });
  });
  test.each(["Codename", "Date", " aaaa"])("without %s is none", (of) => {
    const less = text.filter((line) => !line.startsWith(of)).join("\n");
    expect(() => parseRelease(less)).toThrow("an index of Debian lacks");
  });
});
