import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../agent/site/clock.ts";
import { poll } from "../../agent/site/poll.ts";
import { LOG_PREFIX, MEDIA_PREFIX } from "../../agent/site/state/keys.ts";
import { type Bucket, startBucket } from "../../scripts/state/bucket.ts";
import { Instance, type Programs } from "../../scripts/state/instance.ts";
import { buildPrograms } from "../../scripts/state/programs.ts";
import { type Call, slowDown } from "../cloud/wire/server.ts";

let folder: string;
let programs: Programs;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-uploads-test-"));
  programs = await buildPrograms(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let bucket: Bucket;
let instances: Instance[];
/** Runs before each call of S3 is answered. */
let onCall: (call: Call) => Promise<void>;
const keyOf = (call: Call): string => String(call.input.Key ?? "");
beforeEach(async () => {
  bucket = await startBucket();
  onCall = async () => {};
  bucket.server.before((call) => onCall(call));
  instances = [];
});
afterEach(async () => {
  onCall = async () => {};
  for (const instance of instances) await instance.destroy();
  expect(bucket.server.faults).toEqual([]);
  await bucket.close();
});

/** The next owner, with its shipper, and its app unless nothing is to be asked of it. */
async function owner({ durability = "s3", app = true }: { durability?: "fast" | "s3"; app?: boolean } = {}) {
  const epoch = instances.length + 1;
  const instance = new Instance(programs, bucket, path.join(folder, `${Date.now()}`), epoch, durability);
  instance.withUploads = true;
  instances.push(instance);
  await instance.takeOver();
  await instance.ship();
  if (app) await instance.serve();
  await instance.order("open");
  return instance;
}
const at = (instance: Instance, name: string): string => path.join(instance.media ?? "", name);
async function put(instance: Instance, name: string, content: string | Buffer): Promise<void> {
  await mkdir(path.dirname(at(instance, name)), { recursive: true });
  await writeFile(at(instance, name), content);
}
/** All that is in the folder, by its name. */
async function held(instance: Instance): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(instance.media ?? "", { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    found[path.relative(instance.media ?? "", file)] = sha256(await readFile(file));
  }
  return found;
}
const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

/** Until the shipper has nothing to do for what was changed until now. */
async function shipped(instance: Instance): Promise<void> {
  // Longer than a look: what was changed before is known after it.
  await systemClock.sleep(600);
  await until(instance, "all uploads are in the log", ({ uploading }) => uploading === 0);
}
const until = (
  instance: Instance,
  what: string,
  holds: (status: Awaited<ReturnType<Instance["status"]>>) => boolean,
) =>
  poll(
    what,
    async () => {
      const status = await instance.status();
      return holds(status) ? { done: true } : { waiting: JSON.stringify(status) };
    },
    { seconds: 60, everySeconds: 0.05 },
  );
/** What another instance has once it has fetched all. */
async function restored(): Promise<Record<string, string>> {
  const next = await owner({ app: false });
  await until(next, "all is fetched", ({ absent }) => absent === 0);
  return held(next);
}

test('in "s3" an upload is in the bucket before its answer is given, and whatever it replaces', async () => {
  const instance = await owner();
  const content = "picture ".repeat(100_000);
  for (const body of ["first", content]) {
    expect((await instance.ask("POST", "/media/2026/a%20b%C3%A9.jpg", body)).status).toBe(200);
  }
  instance.signal("SIGKILL");
  expect(await restored()).toEqual({ "2026/a bé.jpg": sha256(content) });
});

test("what is written, renamed and deleted is so in the bucket, also what was while no shipper was there", async () => {
  const instance = await owner({ app: false, durability: "fast" });
  for (const name of ["a", "b", "folder/c", "folder/deep/d", "e"])
    await put(instance, name, `content of ${name}`);
  await put(instance, "large", Buffer.alloc(5 << 20, "x"));
  await shipped(instance);
  await put(instance, "a", "another content");
  await rm(at(instance, "b"));
  await rename(at(instance, "folder"), at(instance, "moved"));
  await put(instance, "moved/new", "x");
  await shipped(instance);
  const now = await held(instance);
  expect(Object.keys(now).sort()).toEqual(["a", "e", "large", "moved/c", "moved/deep/d", "moved/new"]);
  expect(await restored()).toEqual(now);
  const next = instances.at(-1) as Instance;
  next.signal("SIGKILL", "shipper");
  await put(next, "a", "as long a content");
  await put(next, "moved/deep/newer", "y");
  await rm(at(next, "moved/c"));
  await next.ship();
  await shipped(next);
  const later = await held(next);
  expect(Object.keys(later).sort()).toEqual([
    "a",
    "e",
    "large",
    "moved/deep/d",
    "moved/deep/newer",
    "moved/new",
  ]);
  expect(await restored()).toEqual(later);
});

test("what cannot be kept is named, and holds nothing up", async () => {
  const instance = await owner({ app: false });
  const media = Buffer.from(`${instance.media}/`);
  await writeFile(Buffer.concat([media, Buffer.from([0x66, 0xff, 0x6f])]), "not UTF-8");
  await symlink("/etc/passwd", at(instance, "link"));
  await put(instance, "plain", "x");
  await shipped(instance);
  expect(await instance.status()).toMatchObject({
    uploads: 1,
    refused: expect.arrayContaining([
      expect.stringContaining("its name is not UTF-8"),
      expect.stringContaining("link: it is no ordinary file"),
    ]),
  });
});

describe("the next owner", () => {
  /** With three uploads in the bucket, whose content does not come. */
  const withoutContent = async () => {
    const first = await owner({ app: false });
    for (const name of ["a.txt", "folder/b.txt", "c.txt"]) await put(first, name, `content of ${name}`);
    await shipped(first);
    onCall = async (call) => {
      if (call.operation === "GetObject" && keyOf(call).startsWith(MEDIA_PREFIX)) await blocked;
    };
    return owner();
  };
  let open: () => void;
  let blocked: Promise<void>;
  beforeEach(() => {
    blocked = new Promise((resolve) => {
      open = resolve;
    });
  });

  test("knows the names before any content is there, serves, and deletes and renames what has none", async () => {
    const next = await withoutContent();
    expect((await stat(at(next, "folder/b.txt"))).size).toBe("content of folder/b.txt".length);
    expect((await next.ask("DELETE", "/media/a.txt")).status).toBe(200);
    await rename(at(next, "c.txt"), at(next, "renamed.txt"));
    await shipped(next);
    open();
    const wanted = {
      "folder/b.txt": sha256("content of folder/b.txt"),
      "renamed.txt": sha256("content of c.txt"),
    };
    await until(next, "all is fetched", ({ absent }) => absent === 0);
    expect(await held(next)).toEqual(wanted);
    expect(await restored()).toEqual(wanted);
  });

  test("fetches once what is asked for, by nginx and by the app, and keeps it", async () => {
    const next = await withoutContent();
    const asked = [
      next.askUpload("folder/b.txt"),
      next.askUpload("folder/b.txt"),
      next.ask("GET", "/media/folder/b.txt"),
    ];
    await systemClock.sleep(200);
    open();
    const [one, two, app] = await Promise.all(asked);
    expect([one, two]).toEqual([200, 200]);
    expect(JSON.parse((app as { body: string }).body)).toEqual({ sha256: sha256("content of folder/b.txt") });
    await until(next, "all is fetched", ({ absent }) => absent === 0);
    expect(await next.askUpload("folder/b.txt")).toBe(200);
    const gets = bucket.server.calls.filter((call) => call.operation === "GetObject");
    expect(gets.filter((call) => keyOf(call).startsWith(MEDIA_PREFIX))).toHaveLength(3);
    for (const name of ["nothing", "..%2fdb.sqlite3", "../db.sqlite3", "folder", "%ff"]) {
      expect(await next.askUpload(name)).toBe(404);
    }
  });
});

describe("nothing that was acknowledged is lost when the shipper is killed", () => {
  const isUpload = (call: Call) => keyOf(call).startsWith(MEDIA_PREFIX);
  const isEntry = (call: Call) => keyOf(call).startsWith(LOG_PREFIX);
  test.each<[string, (call: Call) => boolean, "before" | "after"]>([
    ["before the content is in the bucket", isUpload, "before"],
    ["after it, before the shipper knows", isUpload, "after"],
    ["before the name is in the log", isEntry, "before"],
    ["after it, before the shipper knows", isEntry, "after"],
  ])("%s", async (_, when, side) => {
    const instance = await owner();
    expect((await instance.ask("POST", "/media/before", "x")).status).toBe(200);
    let killed = false;
    onCall = async (call) => {
      if (killed || call.operation !== "PutObject" || !when(call)) return;
      killed = true;
      if (side === "before") {
        instance.signal("SIGKILL", "shipper");
        throw slowDown();
      }
      // The answer finds no one.
      setTimeout(() => instance.signal("SIGKILL", "shipper"), 0);
    };
    const uploading = instance.ask("POST", "/media/after", "y");
    await poll("the kill", async () => (killed ? { done: true } : { waiting: "" }), {
      seconds: 20,
      everySeconds: 0.02,
    });
    await systemClock.sleep(100);
    await instance.ship();
    expect((await uploading).status).toBe(200);
    instance.signal("SIGKILL");
    expect(await restored()).toEqual({ before: sha256("x"), after: sha256("y") });
  });

  test("while it fetches what was there before", async () => {
    const first = await owner({ app: false });
    const content = Buffer.alloc(3 << 20, "z");
    for (const name of ["a", "b", "c"]) await put(first, name, Buffer.concat([content, Buffer.from(name)]));
    await shipped(first);
    const wanted = await held(first);
    const next = await owner({ app: false });
    await poll(
      "the first fetch",
      async () =>
        bucket.server.calls.some((call) => call.operation === "GetObject" && isUpload(call))
          ? { done: true }
          : { waiting: "" },
      { seconds: 20, everySeconds: 0.01 },
    );
    next.signal("SIGKILL", "shipper");
    await systemClock.sleep(100);
    await next.ship();
    await until(next, "all is fetched", ({ absent }) => absent === 0);
    expect(await held(next)).toEqual(wanted);
    expect(await restored()).toEqual(wanted);
  });
});

test("a folder that is gone as a whole is no deletion of what was in it", async () => {
  const instance = await owner({ app: false });
  await put(instance, "a", "x");
  await shipped(instance);
  instance.signal("SIGKILL", "shipper");
  await rename(instance.media ?? "", `${instance.media}.elsewhere`);
  await instance.ship();
  await until(instance, "it is told", ({ trouble }) => String(trouble).endsWith("media is gone"));
  expect(await restored()).toEqual({ a: sha256("x") });
});

test("a seal comes behind all uploads that are there", async () => {
  const instance = await owner({ app: false, durability: "fast" });
  for (let i = 0; i < 20; i++) await put(instance, `${i}`, `content of ${i}`);
  await instance.order("seal");
  expect(await restored()).toEqual(await held(instance));
});

test("a folder that was there before the site had state is brought in, and stays as it is", async () => {
  const instance = new Instance(programs, bucket, path.join(folder, `${Date.now()}`), 1, "fast");
  instance.withUploads = true;
  instances.push(instance);
  for (const name of ["a", "folder/b"]) await put(instance, name, name);
  await instance.takeOver();
  await instance.ship();
  await shipped(instance);
  expect(await restored()).toEqual({ a: sha256("a"), "folder/b": sha256("folder/b") });
});
