import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OriginDisk, originDisk, settleIn } from "../../../agent/identity/origin.ts";
import { kept } from "../../../agent/system/paths.ts";

let folder: string;
let disk: OriginDisk;
const at = (name: string) => path.join(folder, name);
const put = (name: string, text = "x") => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
};
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-origin-"));
  disk = {
    file: at("everspot/origin.json"),
    machineId: at("machine-id"),
    own: [at("app"), at("nginx")],
    instances: at("cloud"),
    journal: at("journal"),
  };
  put("machine-id", "aaaa\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const first = { instance: "i-0000000000000001", image: "ami-debian" };
const copy = { instance: "i-0000000000000002", image: "ami-baked" };
const lived = () => {
  put("app/db.sqlite3");
  put("nginx/access.log");
  put("cloud/i-0000000000000001/user-data.txt");
  put("cloud/i-0000000000000002/user-data.txt");
  put("journal/aaaa/system.journal");
};

test("databases and uploads of a site with state are their machine's own", () => {
  for (const place of [kept.databases, kept.media, kept.log, kept.copies])
    expect(originDisk.own.some((folder) => place.startsWith(`${folder}/`))).toBe(true);
});

test("a disk that began with the image keeps what its machine writes, over reboots", async () => {
  expect(await settleIn(first, disk)).toEqual({
    image: "ami-debian",
    copyOf: undefined,
    newMachineId: false,
  });
  lived();
  expect(await settleIn(first, disk)).toEqual({
    image: "ami-debian",
    copyOf: undefined,
    newMachineId: false,
  });
  expect(readdirSync(at("app"))).toEqual(["db.sqlite3"]);
  expect(readFileSync(at("machine-id"), "utf8")).toBe("aaaa\n");
  expect(readdirSync(at("journal"))).toEqual(["aaaa"]);
});

test("a copy begins without what belongs to the machine it was taken of, and knows the first image", async () => {
  await settleIn(first, disk);
  lived();
  expect(await settleIn(copy, disk)).toEqual({
    image: "ami-debian",
    copyOf: first.instance,
    newMachineId: true,
  });
  expect(readdirSync(at("app"))).toEqual([]);
  expect(readdirSync(at("nginx"))).toEqual([]);
  expect(readdirSync(at("cloud"))).toEqual([copy.instance]);
  expect(readdirSync(at("journal"))).toEqual([]);
  expect(readFileSync(at("machine-id"), "utf8")).toMatch(/^[0-9a-f]{32}\n$/);

  put("app/new.sqlite3");
  expect(await settleIn(copy, disk)).toMatchObject({ image: "ami-debian", newMachineId: false });
  expect(readdirSync(at("app"))).toEqual(["new.sqlite3"]);
});

test("what the other machine's app left links to stays", async () => {
  await settleIn(first, disk);
  lived();
  put("others/keys/privkey.pem");
  for (const [name, aim] of [
    ["folder", at("others")],
    ["file", at("others/keys/privkey.pem")],
    ["loop", "."],
    ["up", ".."],
    ["nothing", at("none")],
  ] as const) {
    symlinkSync(aim, at(`app/${name}`));
  }
  mkdirSync(at("app/deep"));
  symlinkSync(at("others/keys"), at("app/deep/keys"));
  execFileSync("mkfifo", [at("app/fifo")]);
  await settleIn(copy, disk);
  expect(readdirSync(at("app"))).toEqual([]);
  expect(readdirSync(at("others/keys"))).toEqual(["privkey.pem"]);
});

test("a copy of a copy still knows the first image", async () => {
  await settleIn(first, disk);
  await settleIn(copy, disk);
  const third = { instance: "i-0000000000000003", image: "ami-baked-2" };
  expect(await settleIn(third, disk)).toMatchObject({ image: "ami-debian", copyOf: copy.instance });
});

test("a new id that the system gave stays", async () => {
  await settleIn(first, disk);
  put("machine-id", "bbbb\n");
  put("journal/bbbb/system.journal");
  expect(await settleIn(copy, disk)).toMatchObject({ newMachineId: false });
  expect(readFileSync(at("machine-id"), "utf8")).toBe("bbbb\n");
  expect(readdirSync(at("journal"))).toEqual(["bbbb"]);
});

test("what a power cut left of the note is no one's", async () => {
  put("everspot/origin.json", "");
  put("app/db.sqlite3");
  expect(await settleIn(first, disk)).toMatchObject({ image: "ami-debian", copyOf: undefined });
  expect(readdirSync(at("app"))).toEqual(["db.sqlite3"]);
});
