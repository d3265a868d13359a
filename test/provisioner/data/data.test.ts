import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { copyFile, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { MEDIA_PREFIX } from "../../../agent/site/state/keys.ts";
import { BEGINNING } from "../../../agent/site/state/place.ts";
import { readLog } from "../../../agent/site/state/read-log.ts";
import { readOnce } from "../../../agent/site/state/read-once.ts";
import { takeOver } from "../../../agent/state/take-over.ts";
import { runDataDrill } from "../../../provisioner/commands/data/drill.ts";
import { takeSiteLog, unlessFenced } from "../../../provisioner/commands/data/epoch.ts";
import { runDataFollow } from "../../../provisioner/commands/data/follow.ts";
import { type PullOptions, runDataPull } from "../../../provisioner/commands/data/pull.ts";
import { type PushOptions, runDataPush } from "../../../provisioner/commands/data/push.ts";
import { type RestoreOptions, runDataRestore } from "../../../provisioner/commands/data/restore.ts";
import { runData } from "../../../provisioner/commands/data/show.ts";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { had } from "../../../provisioner/data/had.ts";
import { rewindTo } from "../../../provisioner/data/rewind.ts";
import { countNotes, makeNotes, openStateDesk, type StateDesk, sql } from "./site.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let desk: StateDesk;
beforeAll(async () => {
  desk = await openStateDesk();
});
afterAll(async () => {
  expect(desk.cloud.faults()).toEqual([]);
  await desk.close();
});

const push = async (options: Partial<PushOptions>) => {
  await runDataPush(desk.config, desk.tools, { file: undefined, force: false, dryRun: false, ...options });
  return desk.json();
};
const pull = async (options: Partial<PullOptions>) => {
  await runDataPull(desk.config, desk.tools, { file: undefined, force: false, dryRun: false, ...options });
  return desk.json();
};
const back = async (options: Partial<RestoreOptions>) => {
  await runDataRestore(desk.config, desk.tools, { dryRun: false, ...options });
  return desk.json();
};
/** What an instance would begin with now. */
const notes = async () => {
  const { folder } = await had(readOnce(desk.aws.state), desk.file("now"));
  return countNotes(path.join(folder, "db.sqlite3"));
};

describe("a site's data in its bucket, from moving in to moving out:", { concurrent: false }, () => {
  test("before there is any, `data` says so, and there is nothing to bring back", async () => {
    await runData(desk.config, desk.tools);
    expect(desk.json()).toMatchObject({ command: "data", exists: false });
    await expect(pull({ file: desk.file("none") })).rejects.toThrow();
  });

  test("a dry run of moving in says what would come, and changes nothing", async () => {
    await makeNotes(desk.file("db.sqlite3"), 300);
    mkdirSync(desk.file("media/2026"), { recursive: true });
    writeFileSync(desk.file("media/2026/a.jpg"), "a picture");
    writeFileSync(desk.file("media/same.jpg"), "a picture");
    writeFileSync(desk.file("media/b.txt"), "text");
    const options = { file: desk.file("db.sqlite3"), media: desk.file("media") };
    expect(await push({ ...options, dryRun: true })).toMatchObject({
      ...{ changed: false, rows: 300, running: false },
      // Two have the same content.
      media: { changed: 3, toUpload: 2 },
    });
    expect(await desk.aws.bucket.look()).toBeUndefined();
  });

  test("`plan` says that the site would begin without it, and what brings it", async () => {
    const config = { ...desk.config, folder: desk.folder };
    await runPlan(config, desk.tools, { refreshImage: false, pack: false });
    const hint =
      "db.sqlite3 is here, and blog has nothing yet: it begins empty, unless `everspot data push db.sqlite3 --media media` comes first";
    expect(desk.said()).toContain(hint);
    desk.forget();
    await runPlan(desk.config, desk.tools, { refreshImage: false, pack: false });
    expect(desk.said()).not.toContain("begins empty");
  });

  test("moving in brings the database and its uploads, and makes the bucket", async () => {
    const done = await push({ file: desk.file("db.sqlite3"), media: desk.file("media") });
    expect(done).toMatchObject({ changed: true, epoch: 1 });
    expect(await desk.aws.bucket.look()).toMatchObject({ versioned: true, privateOnly: true, site: "blog" });
    expect(await desk.aws.store.list(MEDIA_PREFIX)).toHaveLength(2);
    desk.forget();
    await runPlan({ ...desk.config, folder: desk.folder }, desk.tools, { refreshImage: false, pack: false });
    expect(desk.said()).not.toContain("begins empty");
    expect(await push({ file: desk.file("db.sqlite3"), media: desk.file("media") })).toMatchObject({
      ...{ changed: false, differs: 0, media: { changed: 0, toUpload: 0 } },
    });
  });

  test("moving out gives an ordinary file and an ordinary folder, whole", async () => {
    const done = await pull({ file: desk.file("out/db.sqlite3"), media: desk.file("out/media") });
    expect(done).toMatchObject({
      databases: [{ name: "db.sqlite3", rows: 300, problems: [] }],
      media: { files: 3, fetched: 3 },
    });
    expect(await sql(desk.file("out/db.sqlite3"), "SELECT * FROM note")).toEqual(
      await sql(desk.file("db.sqlite3"), "SELECT * FROM note"),
    );
    expect(readFileSync(desk.file("out/media/2026/a.jpg"), "utf8")).toBe("a picture");
    // Called again, what is there stays; another content is replaced.
    writeFileSync(desk.file("out/media/b.txt"), "TEXT");
    const again = { file: desk.file("out/db.sqlite3"), media: desk.file("out/media") };
    await expect(pull(again)).rejects.toMatchObject({ exitCode: 2, message: /exists already/ });
    expect(await pull({ ...again, force: true })).toMatchObject({ media: { files: 3, fetched: 1 } });
    expect(readFileSync(desk.file("out/media/b.txt"), "utf8")).toBe("text");
  });

  test("the first instance does not take the epoch by which it was moved in for its own", async () => {
    const where = { folder: desk.file("instance"), keeps: desk.file("keeps"), databases: ["db.sqlite3"] };
    const patience = { clock: desk.tools.clock };
    const writer = (epoch: number) => ({ epoch, instance: "i-1", run: "0123456789abcdef" });
    await expect(takeOver(desk.aws.state, writer(1), where, patience)).rejects.toMatchObject({ epoch: 1 });
    expect(await takeOver(desk.aws.state, writer(2), where, patience)).toMatchObject({
      ...{ files: ["db.sqlite3"], uploads: 3 },
    });
    expect(await countNotes(desk.file("instance/db.sqlite3"))).toBe(300);
  });

  test("the drill restores it into a scratch file, and counts its rows", async () => {
    await runDataDrill(desk.config, desk.tools);
    expect(desk.json()).toMatchObject({
      ...{ passed: true, failures: [], uploads: { files: 3, missing: [] } },
      databases: [{ name: "db.sqlite3", problems: [], tables: { note: 300 } }],
    });
  });

  let mark = 0;
  test("a copy elsewhere follows what the site writes, without restoring anew", async () => {
    const file = desk.file("copy/db.sqlite3");
    const follow = { file, every: 1, once: true, force: false, dryRun: false };
    await runDataFollow(desk.config, desk.tools, follow);
    expect(desk.json()).toMatchObject({ restored: 1, applied: 0 });
    mark = Number(desk.json().entry);
    await makeNotes(desk.file("db.sqlite3"), 50);
    await desk.serve(desk.file("db.sqlite3"), 3, "r000002-0a1b2c3d");
    await runDataFollow(desk.config, desk.tools, follow);
    expect(desk.json()).toMatchObject({ restored: 0 });
    expect(await countNotes(file)).toBe(350);
  });

  test("going back says first what it drops, table by table", async () => {
    expect(await back({ to: `entry:${mark}`, dryRun: true })).toMatchObject({
      ...{ changed: false, dropped: { writes: 1 } },
      tables: [{ table: "note", now: 350, was: 300 }],
    });
    expect(await back({ before: "r000002-0a1b2c3d", dryRun: true })).toMatchObject({
      ...{ dropped: { writes: 1 }, tables: [{ table: "note", now: 350, was: 300 }] },
    });
    expect(await notes()).toBe(350);
  });

  let undo = 0;
  test("going back is one entry, which the next owner finds; a copy follows it", async () => {
    const done = await back({ to: `entry:${mark}` });
    expect(done).toMatchObject({ changed: true, epoch: 4 });
    undo = Number(done.undo);
    expect(await notes()).toBe(300);
    const file = desk.file("copy/db.sqlite3");
    await runDataFollow(desk.config, desk.tools, { file, every: 1, once: true, force: false, dryRun: false });
    expect(await countNotes(file)).toBe(300);
    expect(await back({ to: `entry:${Number(done.entry)}` })).toMatchObject({ changed: false });
  });

  test("and is taken back by going back to before it", async () => {
    await back({ to: `entry:${undo}` });
    expect(await notes()).toBe(350);
    await runDataDrill(desk.config, desk.tools);
    expect(desk.json()).toMatchObject({ passed: true });
  });

  test("an older moment can still be read, whatever came since", async () => {
    await runData(desk.config, desk.tools);
    expect(desk.json()).toMatchObject({
      ...{ exists: true, epoch: 5, state: "open", media: { files: 3 } },
      databases: [{ name: "db.sqlite3" }],
    });
    const { history } = desk.json() as { history: { since: string } };
    await pull({ file: desk.file("then.sqlite3"), to: history.since });
    expect(await countNotes(desk.file("then.sqlite3"))).toBe(300);
  });

  test("the drill fails when an upload is not in the bucket", async () => {
    const gone = (await desk.aws.store.list(MEDIA_PREFIX))[0]?.key ?? "";
    await desk.aws.state.remove([gone]);
    await expect(runDataDrill(desk.config, desk.tools)).rejects.toThrow("not all of it can be restored");
    expect(desk.json()).toMatchObject({
      passed: false,
      failures: [expect.stringContaining("is not in the bucket"), expect.anything()],
    });
    // Moving in again brings what is missing, and leaves the log as it is.
    const { entry } = desk.json();
    const again = await push({ file: desk.file("db.sqlite3"), media: desk.file("media") });
    expect(again).toMatchObject({ changed: true, entries: 0, entry, media: { changed: 0, toUpload: 1 } });
    await runDataDrill(desk.config, desk.tools);
    expect(desk.json()).toMatchObject({ passed: true });
  });
});

test("an upload whose content is not what its name says is not brought here", async () => {
  const [key = ""] = (await desk.aws.store.list(MEDIA_PREFIX)).map((one) => one.key);
  const before = await desk.aws.store.get(key);
  await desk.aws.store.put(key, "others");
  const media = desk.file("damaged");
  await expect(pull({ file: desk.file("whole.sqlite3"), media })).rejects.toThrow(
    "does not have the content its name says",
  );
  await desk.aws.store.put(key, before?.body ?? "");
  expect(readdirSync(media, { recursive: true, encoding: "utf8" }).filter((f) => f.includes("part"))).toEqual(
    [],
  );
});

describe("what cannot become the site's is refused, with what to do:", () => {
  test.each<[string, (file: string) => Promise<unknown>, RegExp]>([
    ["a file that is not there", async () => undefined, /cannot be read.*ENOENT/],
    ["an empty file", async (file) => writeFileSync(file, ""), /is empty/],
    [
      "what is no SQLite",
      async (file) => writeFileSync(file, "%PDF-1.7 something"),
      /is not an SQLite database/,
    ],
    [
      "an encrypted one",
      async (file) => writeFileSync(file, Buffer.alloc(8192, 0xa7)),
      /is not an SQLite database, or it is encrypted/,
    ],
    [
      "one whose pages an extension encrypts",
      async (file) => {
        await makeNotes(file, 10);
        const bytes = await readFile(file);
        bytes[20] = 32;
        writeFileSync(file, bytes);
      },
      /keeps 32 bytes of each page for an extension/,
    ],
    [
      "a damaged one",
      async (file) => {
        await makeNotes(file, 2_000);
        const bytes = await readFile(file);
        bytes.fill(0x55, 8192, 40_000);
        writeFileSync(file, bytes);
      },
      /is damaged|cannot be read/,
    ],
    ["one without a table", (file) => sql(file, "PRAGMA user_version = 3", "VACUUM"), /has no table/],
  ])("%s", async (name, make, message) => {
    const file = desk.file(`${name.replaceAll(/\W/g, "-")}.sqlite3`);
    await make(file);
    await expect(push({ file })).rejects.toThrow(message);
  });

  test("one of newer code than what serves, unless it is forced", async () => {
    const table = "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT)";
    const migration = (name: string) =>
      `INSERT INTO django_migrations (app, name) VALUES ('blog', '${name}')`;
    const file = desk.file("newer.sqlite3");
    await copyFile(desk.file("db.sqlite3"), file);
    await sql(file, table, migration("0001_initial"));
    await push({ file });
    await sql(file, migration("0002_more"));
    const refused = push({ file });
    await expect(refused).rejects.toMatchObject({ lines: ["blog.0002_more"] });
    expect(await push({ file, force: true, dryRun: true })).toMatchObject({ changed: false });
  });

  test("a database that the site has no name for, and uploads that it does not keep", async () => {
    await expect(push({ file: desk.file("db.sqlite3"), as: "other.db" })).rejects.toMatchObject({
      exitCode: 2,
    });
    const none = { ...desk.config, state: undefined };
    const options = { file: desk.file("db.sqlite3"), force: false, dryRun: false };
    await expect(runDataPush(none, desk.tools, options)).rejects.toThrow("has no [state]");
    await expect(push({ file: desk.file("db.sqlite3"), media: desk.file("nowhere") })).rejects.toThrow(
      "is not there",
    );
  });

  test.each([
    [{}, /say where to go back to/],
    [{ to: "soon" }, /is no moment/],
    [{ to: "entry:99999" }, /has no entry 99999/],
    [{ to: "2020-01-01" }, /no state of that time|no database at that time/],
    [{ before: "20260101-nothing" }, /the history has no mark of/],
  ])("a moment that is none: %j", async (options, message) => {
    await expect(back(options)).rejects.toThrow(message);
  });

  test("a file of somebody else's is not followed over", async () => {
    const file = desk.file("mine.sqlite3");
    writeFileSync(file, "mine");
    const follow = { file, every: 1, once: true, force: false, dryRun: false };
    await expect(runDataFollow(desk.config, desk.tools, follow)).rejects.toMatchObject({ exitCode: 2 });
    expect(readFileSync(file, "utf8")).toBe("mine");
  });
});

test("a database that is written to meanwhile is brought as of one moment, its write-ahead log included", async () => {
  const file = desk.file("busy.sqlite3");
  await makeNotes(file, 5, "PRAGMA journal_mode = WAL");
  await rm(`${file}-wal`, { force: true });
  await makeNotes(file, 20);
  expect(await push({ file, force: true })).toMatchObject({ rows: 25, changed: true });
  expect(await notes()).toBe(25);
  expect(path.basename(file)).toBe("busy.sqlite3");
});

test("an owner that came after the look is passed over", async () => {
  const { aws, config, tools } = desk;
  const { epoch } = await readLog(aws.state, BEGINNING);
  const log = await takeSiteLog(config, aws, tools, BEGINNING, { clock: tools.clock });
  expect(log.me.epoch).toBe(epoch + 1);
  // And whoever is passed over by it is told so.
  await takeSiteLog(config, aws, tools, log.place, { clock: tools.clock });
  await expect(unlessFenced(() => rewindTo(log, 1))).rejects.toThrow("was taken over meanwhile: epoch");
});

test("`down` says where it is, and with --delete-data how much it deletes", async () => {
  await runDown(desk.config, desk.tools, { deleteData: false });
  desk.forget();
  await runDown(desk.config, desk.tools, { deleteData: true });
  const { actions } = desk.json() as { actions: { what: string }[] };
  expect(actions[0]?.what).toMatch(
    /^delete what the site has written \(\d+\.\d MB of databases and their history, 2 uploads with 0\.0 MB\), forever; delete everything/,
  );
  expect(await desk.aws.bucket.look()).toBeUndefined();
});

test("two sites of an account have logs of their own: with the data of one deleted, the other's is whole", async () => {
  const shop = { ...desk.config, site: "shop", domain: "shop.example.com", aliases: [] };
  const options = { force: false, dryRun: false };
  await makeNotes(desk.file("blog.sqlite3"), 7);
  await makeNotes(desk.file("shop.sqlite3"), 9);
  await push({ file: desk.file("blog.sqlite3"), as: "db.sqlite3" });
  await runDataPush(shop, desk.tools, { ...options, file: desk.file("shop.sqlite3"), as: "db.sqlite3" });
  expect(await notes()).toBe(7);
  await runDown(shop, desk.tools, { deleteData: true });
  expect(await notes()).toBe(7);
  await expect(
    runDataPull(shop, desk.tools, { ...options, file: desk.file("none.sqlite3") }),
  ).rejects.toThrow();
});
