import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { unpackRelease } from "../../../agent/release/unzip.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { releaseLimits } from "../../../agent/site/release.ts";
import { deflatedZeros, type RawEntry, rawZip } from "./unzip-zips.ts";

let dir: string;
let into: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "everspot-unzip-"));
  into = path.join(dir, "into");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function zipFile(content: Buffer): string {
  const file = path.join(dir, "release.zip");
  writeFileSync(file, content);
  return file;
}

const unpack = (entries: readonly RawEntry[], limits = releaseLimits, declared = entries.length) =>
  unpackRelease(zipFile(rawZip(entries, declared)), into, limits);

/** Nothing but the zip may be left, in the folder or beside it. */
async function refusal(unpacking: Promise<unknown>): Promise<EverspotError> {
  const error = await unpacking.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(EverspotError);
  expect(readdirSync(dir)).toEqual(["release.zip"]);
  return error as EverspotError;
}

const good: RawEntry = { name: "manage.py", data: "print(1)\n", mode: 0o100644 };

test("unpacks files, folders, empty files, stored, large and Unicode-named ones", async () => {
  // Some pieces of the zip, and more than one piece of memory.
  const large = Buffer.concat([randomBytes(600_000), Buffer.alloc(8_400_000)]);
  const result = await unpack([
    good,
    { name: "empty/", mode: 0o040755 },
    { name: "a/b/c.txt", data: "deep" },
    { name: "a/none", data: "" },
    { name: "a/stored", data: "stored", store: true },
    { name: "größe/文件.txt", data: "name" },
    { name: "large", data: large },
    { name: "large.stored", data: large, store: true },
  ]);
  expect(result).toEqual({ files: 7, bytes: 9 + 4 + 6 + 4 + 2 * large.length });
  expect(readFileSync(path.join(into, "a/b/c.txt"), "utf8")).toBe("deep");
  expect(readFileSync(path.join(into, "a/none"), "utf8")).toBe("");
  expect(readFileSync(path.join(into, "a/stored"), "utf8")).toBe("stored");
  expect(readFileSync(path.join(into, "größe/文件.txt"), "utf8")).toBe("name");
  expect(readFileSync(path.join(into, "large")).equals(large)).toBe(true);
  expect(readFileSync(path.join(into, "large.stored")).equals(large)).toBe(true);
  expect(readdirSync(path.join(into, "empty"))).toEqual([]);
});

test("names of bundled packages may differ in case only", async () => {
  const entries = ["LICENSE", "license", "X/a", "x/a"].map((name) => ({
    name: `.everspot/python/${name}`,
    data: name,
  }));
  expect(await unpack(entries)).toMatchObject({ files: 4 });
});

test("modes become 0644 and 0755, whatever the zip and the umask say", async () => {
  const umask = process.umask(0o077);
  try {
    await unpack([
      { name: "plain", data: "x", mode: 0o100666 },
      { name: "script", data: "x", mode: 0o100500 },
      { name: "setuid", data: "x", mode: 0o106777 },
      { name: "typeless", data: "x" },
      { name: "folder/", mode: 0o041777 },
      { name: "big", data: Buffer.alloc(9_000_000), mode: 0o100700 },
    ]);
  } finally {
    process.umask(umask);
  }
  const mode = (name: string) => (statSync(path.join(into, name)).mode & 0o7777).toString(8);
  expect(mode("plain")).toBe("644");
  expect(mode("typeless")).toBe("644");
  expect(mode("script")).toBe("755");
  expect(mode("setuid")).toBe("755");
  expect(mode("folder")).toBe("755");
  expect(mode("big")).toBe("755");
  expect(mode(".")).toBe("755");
});

describe("refuses, names the entry and leaves nothing:", () => {
  const utf8Name = (real: string, shown: string) => {
    const data = Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), Buffer.from(real)]);
    data.writeUInt32LE(crc32(shown), 1);
    const head = Buffer.alloc(4);
    head.writeUInt16LE(0x7075, 0);
    head.writeUInt16LE(data.length, 2);
    return Buffer.concat([head, data]);
  };
  const cases: [string, RawEntry[], RegExp][] = [
    ["absolute path", [{ name: "/etc/cron.d/x" }], /"\/etc\/cron\.d\/x" has an absolute path/],
    ["drive letter", [{ name: "C:x" }], /"C:x" has an absolute path/],
    ["parent path", [{ name: "../x" }], /"\.\.\/x" leads out/],
    ["parent inside", [{ name: "a/../../x" }], /leads out/],
    ["parent at the end", [{ name: "a/.." }], /leads out/],
    ["parent as a folder", [{ name: "../" }], /leads out/],
    ["dot segment", [{ name: "a/./x" }], /segment/],
    ["empty segment", [{ name: "a//x" }], /segment/],
    ["root", [{ name: "/" }], /empty name/],
    ["empty name", [{ name: "" }], /empty name/],
    ["backslash", [{ name: "..\\..\\x" }], /backslash/],
    ["newline", [{ name: "a\nb" }], /control character/],
    ["NUL", [{ name: "a\0/../x" }], /control character/],
    ["not UTF-8", [{ name: Buffer.from([0x61, 0xff]) }], /not UTF-8/],
    ["long segment", [{ name: "x".repeat(256) }], /longer than 255/],
    ["long path", [{ name: `${"x/".repeat(1100)}x` }], /longer than 2048/],
    ["name hidden in an extra field", [{ name: "ok", extra: utf8Name("../x", "ok") }], /"\.\.\/x" leads out/],
    ["symbolic link", [{ name: "link", data: "/etc/shadow", mode: 0o120777 }], /"link" is a symbolic link/],
    ["link as a folder", [{ name: "link/", mode: 0o120777 }], /"link\/" is a symbolic link/],
    ["device", [{ name: "sda", mode: 0o060600 }], /"sda" is a block device/],
    ["terminal", [{ name: "tty", mode: 0o020600 }], /"tty" is a character device/],
    ["pipe", [{ name: "p", mode: 0o010600 }], /"p" is a named pipe/],
    ["socket", [{ name: "s", mode: 0o140600 }], /"s" is a socket/],
    ["file named as a folder", [{ name: "x/", mode: 0o100644 }], /both a file and a folder/],
    ["folder named as a file", [{ name: "x", mode: 0o040755 }], /both a file and a folder/],
    ["folder with data", [{ name: "x/", data: "data", mode: 0o040755 }], /folder with data/],
    ["same name twice", [{ name: "a" }, { name: "a" }], /"a" is there twice/],
    ["names that differ in case", [{ name: "Settings.py" }, { name: "settings.py" }], /only in case/],
    ["folders that differ in case", [{ name: "App/x" }, { name: "app/y" }], /"app\/y" differs from "App"/],
    ["Unicode forms of a name", [{ name: "é" }, { name: "e\u0301" }], /Unicode form/],
    ["file below a file", [{ name: "a" }, { name: "a/b" }], /"a\/b" is both a file and a folder/],
    ["file where a folder was", [{ name: "a/b" }, { name: "a" }], /"a" is both a file and a folder/],
    ["encrypted", [{ name: "a", flags: 0x801, size: 4, compressedSize: 16, store: true }], /encrypted/],
    ["unknown compression", [{ name: "a", data: "x", method: 93 }], /method 93/],
    [
      "bytes used twice",
      [
        { name: "a", data: "x" },
        { name: "b", data: "x", sameAs: 0 },
      ],
      /share bytes: "b"/,
    ],
    ["checksum", [{ name: "a", data: "x", crc: 1 }], /"a".*does not match its checksum/],
    [
      "more than declared",
      [{ name: "a", data: "x".repeat(5000), size: 10 }],
      /"a".*more bytes than it declares/,
    ],
    ["a bit more than declared", [{ name: "a", data: "xx", size: 1 }], /"a".*not the 1 it declares/],
    ["less than declared", [{ name: "a", data: "x", size: 10 }], /"a".*holds 1 bytes, not the 10/],
    [
      "much more than declared",
      [{ name: "a", raw: deflatedZeros(60_000_000), size: 9_000_000 }],
      /"a".*more bytes than it declares/,
    ],
    [
      "damaged data",
      [{ name: "a", data: "xxxx", raw: Buffer.from([0xff, 0xff, 0xff]) }],
      /cannot unpack "a"/,
    ],
  ];
  test.each(cases)("%s", async (_what, entries, message) => {
    const error = await refusal(unpack([good, ...entries]));
    expect(error.message).toMatch(message);
    expect(error.resource).toContain("release.zip");
    expect(error.hint).toBeTruthy();
  });

  test("what is not a zip, and a zip cut short", async () => {
    await refusal(unpackRelease(zipFile(Buffer.from("<Error>no</Error>")), into));
    await refusal(unpackRelease(zipFile(Buffer.alloc(0)), into));
    const whole = rawZip([good]);
    await refusal(unpackRelease(zipFile(whole.subarray(0, whole.length - 30)), into));
    await refusal(unpackRelease(zipFile(whole.subarray(20)), into));
  });
});

describe("limits:", () => {
  const limits = { ...releaseLimits, entries: 4, bytes: 100_000 };
  const small = (n: number): RawEntry[] =>
    Array.from({ length: n }, (_, i) => ({ name: `f${i}`, data: "x" }));

  test("as many entries as allowed, and one more", async () => {
    await expect(unpack(small(4), limits)).resolves.toMatchObject({ files: 4 });
    rmSync(into, { recursive: true });
    expect((await refusal(unpack(small(5), limits))).message).toContain("more than 4 files and folders");
  });

  test("folders that only paths imply count", async () => {
    expect((await refusal(unpack([{ name: "a/b/c/d/e" }], limits))).message).toContain("more than 4 files");
  });

  test("entries beyond the count the zip declares are not there", async () => {
    await expect(unpack(small(6), limits, 4)).resolves.toMatchObject({ files: 4 });
    expect(readdirSync(into)).toHaveLength(4);
  });

  test("bytes declared, over all entries", async () => {
    const half: RawEntry = { name: "a", data: Buffer.alloc(60_000) };
    const error = await refusal(unpack([half, { ...half, name: "b" }], { ...limits, ratio: 1e9 }));
    expect(error.message).toMatch(/too large: more than 0\.1 MB unpacked/);
  });

  test("a bomb of 10 GB of zeros is refused at once, honest or lying", async () => {
    const raw = deflatedZeros(10e9);
    const bomb = (size: number, ratio = releaseLimits.ratio) =>
      refusal(unpack([{ name: "zeros", raw, size }], { ...releaseLimits, ratio }));
    const before = process.cpuUsage();
    expect((await bomb(10e9)).message).toContain("more than 1500 MB unpacked");
    expect((await bomb(1.5e9)).message).toContain("looks like a zip bomb");
    expect((await bomb(1000)).message).toContain(
      '"zeros" from the release: holds more bytes than it declares',
    );
    expect((await bomb(20e6)).message).toContain("holds more bytes than it declares");
    // Four times 10 GB would be half a minute of it, however busy the machine is.
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(3e6);
  });
});

test("will not touch a folder that holds something", async () => {
  mkdirSync(into);
  writeFileSync(path.join(into, "precious"), "x");
  await expect(unpack([good])).rejects.toThrow("not empty");
  expect(readdirSync(into)).toEqual(["precious"]);
});

test("stops when asked to, and leaves nothing", async () => {
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  const zip = zipFile(rawZip([good]));
  await expect(unpackRelease(zip, into, releaseLimits, { signal: stop.signal })).rejects.toThrow("enough");
  expect(existsSync(into)).toBe(false);
});

test("lets others run meanwhile", async () => {
  const noise = randomBytes(100_000);
  const raw = deflateRawSync(noise);
  const entries = Array.from({ length: 200 }, (_, i) => ({ name: `f${i}`, data: noise, raw }));
  const zip = zipFile(rawZip(entries));
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await unpackRelease(zip, into, releaseLimits);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});
