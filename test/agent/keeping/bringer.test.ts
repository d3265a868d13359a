/** An instance that was launched without [state] brings what it has written: units on paper, files and processes for real. */
import { spawn } from "node:child_process";
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readBrings } from "../../../agent/keeping/bringer.ts";
import { copyAsLeft, copyLive, linkAll } from "../../../agent/keeping/own-data.ts";
import type { StartTransient } from "../../../agent/system/transient.ts";

let own: string;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-bring-"));
  own = join(folder, "own");
  await mkdir(own);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The unit's program, with the app's own folder in its environment, as systemd gives it. */
const start: StartTransient = ({ words: [command = "", ...args] }) => {
  const child = spawn(command, args, { env: { STATE_DIRECTORY: own }, stdio: "pipe" });
  const ended = new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 255)));
  return { ...child, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended };
};
const sql = async (file: string, script: string) => {
  const run = `import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n${script}`;
  return (await execa("/usr/bin/python3", ["-I", "-S", "-c", run, file])).stdout;
};
const ROWS = "print(db.execute('SELECT count(*) FROM t').fetchone()[0])";
const to = () => join(folder, "copy");

describe("a database that the app works with", () => {
  test("is copied as of one moment, with what is in its write-ahead log only", async () => {
    const file = join(own, "db.sqlite3");
    await sql(
      file,
      "db.execute('PRAGMA journal_mode=WAL'); db.execute('CREATE TABLE t (x)'); db.execute('INSERT INTO t VALUES (1)')\nimport os; os._exit(0)",
    );
    await copyLive(start, "r1", "db.sqlite3", to());
    expect(await sql(to(), ROWS)).toBe("1");
    expect((await readdir(own)).filter((name) => name.startsWith(".everspot"))).toEqual([]);
  });

  test("that is not where [state] says is reported, with those that are there", async () => {
    await sql(join(own, "other.sqlite3"), "db.execute('CREATE TABLE t (x)')");
    await expect(copyLive(start, "r1", "db.sqlite3", to())).rejects.toThrow(
      "there is no $STATE_DIRECTORY/db.sqlite3; SQLite databases there: other.sqlite3",
    );
  });

  test("that is none is reported", async () => {
    await writeFile(join(own, "db.sqlite3"), "encrypted, or something else altogether".repeat(100));
    await expect(copyLive(start, "r1", "db.sqlite3", to())).rejects.toThrow(
      "$STATE_DIRECTORY/db.sqlite3 cannot be copied: file is not a database",
    );
  });
});

describe("a database as the app left it", () => {
  test.each(["WAL", "DELETE"])("has all that was committed, however it was ended (%s)", async (mode) => {
    const file = join(own, "db.sqlite3");
    await sql(
      file,
      `db.execute('PRAGMA journal_mode=${mode}'); db.execute('PRAGMA cache_size=1'); db.execute('CREATE TABLE t (x)'); db.execute('INSERT INTO t VALUES (1)')
db.execute('BEGIN'); db.executemany('INSERT INTO t VALUES (randomblob(?))', [(9000,)] * 50)
import os, signal; os.kill(os.getpid(), signal.SIGKILL)`,
    ).catch(() => undefined);
    const made = await copyAsLeft(own, "db.sqlite3", to());
    expect(made).toContain(`${to()}${mode === "WAL" ? "-wal" : "-journal"}`);
    expect(await sql(to(), ROWS)).toBe("1");
  });

  test("is never looked for outside of the app's own folder", async () => {
    await writeFile(join(folder, "secret"), "of root");
    await symlink(join(folder, "secret"), join(own, "db.sqlite3"));
    await expect(copyAsLeft(own, "db.sqlite3", to())).rejects.toThrow("cannot be read");
    await symlink(folder, join(own, "out"));
    await expect(copyAsLeft(own, "out/secret", to())).rejects.toThrow("is not in the app's own folder");
  });
});

test("uploads are the very files; what is there already is left alone, and what is gone goes", async () => {
  const [from, into] = [join(own, "media"), join(folder, "media")];
  await mkdir(join(from, "2026"), { recursive: true });
  await mkdir(into);
  await writeFile(join(from, "2026/a"), "a");
  await writeFile(join(from, "b"), "b");
  await symlink("/etc/passwd", join(from, "link"));
  const made: string[] = [];
  const bring = () => linkAll(from, into, async (one) => void made.push(one));
  await bring();
  expect(await readdir(into)).toEqual(["2026", "b"]);
  expect(made).toEqual([join(into, "2026")]);
  const print = async (name: string) => {
    const { ino, ctimeMs } = await stat(join(into, name));
    return `${ino} ${ctimeMs}`;
  };
  const before = await print("2026/a");
  await rm(join(from, "b"));
  await writeFile(join(from, "c"), "c");
  await bring();
  expect(await readdir(into)).toEqual(["2026", "c"]);
  // A link more would have changed when it was changed last.
  expect(await print("2026/a")).toBe(before);
  await rm(join(from, "c"));
  await link(join(from, "2026/a"), join(from, "c"));
  await bring();
  expect(await readFile(join(into, "c"), "utf8")).toBe("a");
});

test("what an instance brings is its own: another one's disk says nothing", async () => {
  const file = join(folder, "brings.json");
  const state = { database: ["$STATE_DIRECTORY/db.sqlite3"], durability: "fast", budget: 3 };
  await writeFile(file, JSON.stringify({ instance: "i-1", state }));
  expect(await readBrings(file, "i-1")).toMatchObject({ ...state, pause: 10 });
  expect(await readBrings(file, "i-2")).toBeUndefined();
  expect(await readBrings(join(folder, "none"), "i-1")).toBeUndefined();
});
