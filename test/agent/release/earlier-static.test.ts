import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bringEarlier, earlierReleases, keepStaticFiles } from "../../../agent/release/earlier-static.ts";
import { pointLink } from "../../../agent/system/files.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

const DAY = 86_400_000;
const CSS = "css/site.0a1b2c3d4e5f.css";
const NEXT = "css/site.ffff2c3d4e5f.css";

let local: LocalS3;
let root: string;
beforeEach(async () => {
  local = await startS3();
  root = await mkdtemp(join(tmpdir(), "earlier-static-"));
});
afterEach(async () => {
  await local.close();
  await rm(root, { recursive: true, force: true });
});

/** A machine, with the static files of the release that it serves. */
async function machine(name: string, files: Readonly<Record<string, string>>) {
  const at = join(root, name);
  const own = join(at, "static");
  for (const [file, text] of Object.entries(files)) await put(join(own, file), text);
  const where = { store: local.store, n: 0, folder: join(at, "earlier"), link: join(at, "static-before") };
  return { own, ...where, read: (file: string) => readFile(join(at, "static-before", file), "utf8") };
}

async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

test("a new machine has what pages of the release before name, and nothing else of it", async () => {
  const first = await machine("first", {
    ...{ [CSS]: "old", "css/site.css": "plain", "menu.20240115.pdf": "a date", "staticfiles.json": "{}" },
  });
  await put(join(root, "secret.0a1b2c3d4e5f.css"), "secret");
  await symlink(join(root, "secret.0a1b2c3d4e5f.css"), join(first.own, "link.0a1b2c3d4e5f.css"));
  expect(await keepStaticFiles(first, "r1", first.own)).toBe("1 files");
  expect(await keepStaticFiles(first, "r1", first.own)).toBe("kept before");

  const second = await machine("second", { [NEXT]: "new" });
  expect(await bringEarlier(second, "r2", Date.now())).toBe("of r1");
  expect(await second.read(CSS)).toBe("old");
  expect((await readdir(second.folder, { recursive: true })).sort()).toEqual([".r1", "css", CSS]);
  expect(await bringEarlier(second, "r2", Date.now())).toBe("none to bring");
  expect(await readdir(join(root, "second"))).toEqual(["earlier", "static", "static-before"]);
});

test("after a swap in place those of the release that ran here stay, and those before it", async () => {
  const on = await machine("one", { [NEXT]: "new" });
  await put(join(on.folder, "css/site.aaaa2c3d4e5f.css"), "two releases ago");
  const before = join(root, "one/r1");
  await put(join(before, CSS), "old");
  await pointLink(on.link, before);
  await bringEarlier(on, "r2", Date.now());
  expect(await readlink(on.link)).toBe(on.folder);
  expect(await on.read(CSS)).toBe("old");
  expect(await on.read("css/site.aaaa2c3d4e5f.css")).toBe("two releases ago");
  // No one has had a page open for so long.
  const long = new Date(Date.now() - 9 * DAY);
  await utimes(join(on.folder, CSS), long, long);
  await bringEarlier(on, "r2", Date.now());
  expect(await readdir(join(on.folder, "css"))).toEqual(["site.aaaa2c3d4e5f.css"]);
});

test("releases without such files are not kept, and a damaged object keeps no other from being served", async () => {
  const on = await machine("one", { "site.css": "plain" });
  expect(await keepStaticFiles(on, "r1", on.own)).toBe("0 files");
  expect(await local.store.list("static/")).toEqual([]);
  const good = await machine("good", { [CSS]: "old" });
  await keepStaticFiles(good, "r0", good.own);
  await local.store.put("static/r1.zip", "no zip");
  expect(await bringEarlier(on, "r2", Date.now())).toMatch(/^of r0; r1: cannot unpack/);
  expect(await on.read(CSS)).toBe("old");
  expect(await readdir(join(root, "one"))).not.toContain("earlier.r1.zip");
});

test("the newest few, until a page that names them can no longer be open", () => {
  const now = Date.UTC(2026, 10, 21);
  const at = (id: string, days: number) => ({
    key: `static/${id}.zip`,
    modified: new Date(now - days * DAY),
  });
  // r1 was replaced 8 days ago, r2 3 days ago.
  expect(earlierReleases([at("r3", 3), at("r1", 40), at("r2", 8)], "r3", now, 0)).toEqual(["r2"]);
  // Nothing came after r1 before now.
  expect(earlierReleases([at("r1", 40)], "r2", now, 0)).toEqual(["r1"]);
  // A rollback to r1.
  expect(earlierReleases([at("r1", 40), at("r2", 1)], "r1", now, 0)).toEqual(["r2"]);
  const many = Array.from({ length: 9 }, (_, i) => at(`r${i}`, 1));
  expect(earlierReleases(many, "r9", now, 0)).toEqual(["r8", "r7", "r6", "r5", "r4"]);
  expect(earlierReleases([{ key: "static/x/y.zip", modified: new Date(now) }], "r1", now, 0)).toEqual([]);
});
