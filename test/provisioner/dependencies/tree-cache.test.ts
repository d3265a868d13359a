import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { defaultCacheDir, TreeCache } from "../../../provisioner/dependencies/tree-cache.ts";
import { folder } from "../release/folders.ts";

const DAY = 24 * 3600 * 1000;
const about = { packages: ["alpha 1.0"], compiled: false, bytecode: true };

async function keep(cache: TreeCache, key: string, content: string) {
  const work = await cache.work();
  mkdirSync(path.join(work, "tree"));
  writeFileSync(path.join(work, "tree/file"), content);
  return cache.keep(key, work, about);
}

test("a tree is found by its key until it is too old, and replaced as a whole", async () => {
  const cache = new TreeCache(path.join(folder(), "deep/cache"));
  const key = TreeCache.key({ a: 1 });
  expect(TreeCache.key({ a: 2 })).not.toBe(key);
  expect(await cache.find(key, DAY)).toBeUndefined();
  await keep(cache, key, "one");
  const found = await cache.find(key, DAY);
  expect(found?.meta).toMatchObject(about);
  expect(readFileSync(path.join(found?.folder ?? "", "file"), "utf8")).toBe("one");
  expect(await cache.find(key, -1)).toBeUndefined();
  await keep(cache, key, "two");
  expect(readFileSync(path.join((await cache.find(key, DAY))?.folder ?? "", "file"), "utf8")).toBe("two");
});

test("a damaged entry is as good as none", async () => {
  const root = folder();
  const cache = new TreeCache(root);
  await keep(cache, "k", "one");
  for (const text of ["{", "{}", '{"version":2}']) {
    writeFileSync(path.join(root, "k/meta.json"), text);
    expect(await cache.find("k", DAY)).toBeUndefined();
  }
});

test("only trees in use and the newest few stay; builds that were killed go", async () => {
  const root = folder();
  const cache = new TreeCache(root);
  const age = (name: string, days: number) => {
    const at = new Date(Date.now() - days * DAY);
    utimesSync(path.join(root, name), at, at);
  };
  await keep(cache, "old", "x");
  age("old", 31);
  const killed = path.basename(await cache.work());
  age(killed, 2);
  const running = path.basename(await cache.work());
  for (let i = 0; i < 9; i++) {
    await keep(cache, `tree-${i}`, "x");
    age(`tree-${i}`, 9 - i);
  }
  await cache.find("tree-1", Number.POSITIVE_INFINITY);
  await keep(cache, "new", "x");
  const left = readdirSync(root).filter((n) => !n.startsWith(".building-"));
  expect(left.sort()).toEqual(["new", "tree-1", "tree-3", "tree-4", "tree-5", "tree-6", "tree-7", "tree-8"]);
  expect(readdirSync(root)).toContain(running);
  expect(readdirSync(root)).not.toContain(killed);
});

test("the cache is the user's, where the system wants caches", () => {
  expect(defaultCacheDir({ HOME: "/home/ann" })).toBe("/home/ann/.cache/everspot/trees");
  expect(defaultCacheDir({ HOME: "/home/ann", XDG_CACHE_HOME: "/fast" })).toBe("/fast/everspot/trees");
});
