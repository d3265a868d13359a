import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../agent/site/clock.ts";
import { poll } from "../../agent/site/poll.ts";
import { torture } from "../../scripts/state/torture.ts";
import {
  bucket,
  DIGEST,
  made,
  owner,
  post,
  programs,
  restored,
  same,
  shipped,
  sql,
  stateOwners,
} from "./state-owner.ts";

stateOwners();

test("hand-overs, power cuts and an owner that wakes up too late: no acknowledged write is lost", async () => {
  const { verdict, moments } = await torture({
    ...{ programs, durability: "s3", handOvers: 2, kills: 3, clients: 4, moments: 2, seed: 7 },
    only: ["power cut", "zombie", "shipper killed"],
    say: () => {},
  });
  expect(verdict).toMatchObject({ integrity: "ok", lost: [], unseen: [], twice: [] });
  expect(verdict.acknowledged).toBeGreaterThan(50);
  expect(moments).toEqual({ restored: 2, wrong: [] });
});

describe("what is in the bucket is the database", () => {
  test("at any moment, while it is written to and copied into its file", async () => {
    const instance = await owner(1, { durability: "fast" });
    const over = performance.now() + 6_000;
    const writes = async (client: string) => {
      for (let n = 1; performance.now() < over; n++)
        await instance.ask("POST", `/write?client=${client}&n=${n}&bytes=200`);
    };
    const writing = Promise.all(["a", "b", "c", "d"].map(writes));
    while (performance.now() < over) {
      await systemClock.sleep(700);
      expect(await sql(await restored(), "print(db.execute('PRAGMA integrity_check').fetchone()[0])")).toBe(
        "ok",
      );
    }
    await writing;
    expect((await instance.status()).checkpoints).toBeGreaterThan(1);
  }, 60_000);

  test("when the app's last connection closes: the shipper's own keeps the write-ahead log", async () => {
    const instance = await owner(1, { app: false });
    await sql(
      instance.database,
      "db.execute('CREATE TABLE t (x)'); db.execute('INSERT INTO t VALUES (1)'); db.close()",
    );
    await sql(instance.database, "db.execute('INSERT INTO t VALUES (2)'); db.close()");
    await same(instance);
    expect(await instance.status()).toMatchObject({ compared: 1 });
  });

  test("after it was written, checkpointed and closed while no shipper was there", async () => {
    const instance = await owner(1, { app: false });
    await sql(instance.database, "db.execute('CREATE TABLE t (x)')");
    await shipped(instance);
    instance.signal("SIGKILL", "shipper");
    await sql(
      instance.database,
      "db.executemany('INSERT INTO t VALUES (randomblob(?))', [(3000,)] * 200); db.execute('DELETE FROM t WHERE rowid % 3 = 0'); db.close()",
    );
    await instance.ship();
    expect(await instance.status()).toMatchObject({ compared: 1 });
    await same(instance);
  });

  test("with a transaction of 40 MB, a VACUUM and a base, and the shipper's memory stays flat", async () => {
    const instance = await owner(1, { app: false });
    await sql(instance.database, "db.execute('CREATE TABLE t (x)'); db.execute('INSERT INTO t VALUES (1)')");
    await shipped(instance);
    const before = Number((await instance.status()).rss);
    await sql(
      instance.database,
      "db.execute('BEGIN'); db.executemany('INSERT INTO t VALUES (randomblob(?))', [(10000,)] * 4000); db.execute('COMMIT')",
    );
    await shipped(instance);
    await sql(instance.database, "db.execute('DELETE FROM t WHERE rowid % 2 = 0'); db.execute('VACUUM')");
    await shipped(instance);
    await poll(
      "a base",
      async () => {
        const { bases } = await instance.status();
        return Number(bases) > 0 ? { done: true } : { waiting: "none" };
      },
      { seconds: 30, everySeconds: 0.2 },
    );
    await sql(instance.database, "db.execute('INSERT INTO t VALUES (2)')");
    await same(instance);
    expect(Number((await instance.status()).rss) - before).toBeLessThan(80 << 20);
  });

  test("and both of two databases, written side by side, with a base of both", async () => {
    const instance = made(1);
    instance.databases = ["db.sqlite3", "other/second.db"];
    const second = path.join(path.dirname(instance.database), "other/second.db");
    await mkdir(path.dirname(second), { recursive: true });
    await instance.takeOver();
    await instance.ship();
    const fill =
      "db.execute('CREATE TABLE t (x)')\nfor i in range(30): db.executemany('INSERT INTO t VALUES (randomblob(?))', [(9000,)] * 30)";
    await Promise.all([sql(instance.database, fill), sql(second, fill)]);
    await shipped(instance);
    await poll(
      "a base",
      async () => {
        const { bases } = await instance.status();
        return Number(bases) > 0 ? { done: true } : { waiting: "none" };
      },
      { seconds: 30, everySeconds: 0.2 },
    );
    await Promise.all([
      sql(instance.database, "db.execute('DROP TABLE t')"),
      sql(second, "db.execute('DELETE FROM t')"),
    ]);
    await same(instance);
    const copy = path.join(path.dirname(await restored()), "other/second.db");
    expect(await sql(copy, DIGEST)).toBe(await sql(second, DIGEST));
    expect(await sql(second, DIGEST)).not.toBe(await sql(instance.database, DIGEST));
  });

  test("while a reader never ends: the write-ahead log grows until it does, and nothing is lost", async () => {
    const instance = await owner(1, { app: false });
    await sql(instance.database, "db.execute('CREATE TABLE t (x)'); db.execute('INSERT INTO t VALUES (1)')");
    const reader = execa("/usr/bin/python3", [
      "-c",
      "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\ndb.execute('BEGIN'); db.execute('SELECT * FROM t').fetchall()\nsys.stdin.read()",
      instance.database,
    ]);
    await systemClock.sleep(300);
    await sql(
      instance.database,
      "for i in range(40): db.executemany('INSERT INTO t VALUES (randomblob(?))', [(3000,)] * 10)\ndb.execute('PRAGMA wal_autocheckpoint=0')",
    );
    await same(instance);
    reader.stdin?.end();
    await reader;
    await sql(instance.database, "db.executemany('INSERT INTO t VALUES (randomblob(?))', [(9000,)] * 600)");
    await poll(
      "a checkpoint",
      async () => {
        const { checkpoints } = await instance.status();
        return Number(checkpoints) > 0 ? { done: true } : { waiting: "none" };
      },
      { seconds: 20, everySeconds: 0.2 },
    );
    await same(instance);
  });
});

describe("whatever an application or its owner does to it,", () => {
  const fill =
    "db.execute('CREATE TABLE t (x)')\nfor i in range(40): db.executemany('INSERT INTO t VALUES (randomblob(?))', [(700,)] * 5)";

  test.each([512, 65_536])("a database with pages of %d bytes is kept as it is", async (page) => {
    const instance = made(1);
    await instance.takeOver();
    await sql(
      instance.database,
      `db.execute('PRAGMA page_size=${page}'); db.execute('VACUUM'); db.execute('CREATE TABLE first (x)')`,
    );
    await instance.ship();
    await instance.order("open");
    await sql(instance.database, fill);
    await same(instance);
    expect(await sql(await restored(), "print(db.execute('PRAGMA page_size').fetchone()[0])")).toBe(
      String(page),
    );
  });

  test("checkpoints of its own lose nothing", async () => {
    const instance = await owner(1, { app: false });
    await sql(
      instance.database,
      `db.execute('PRAGMA wal_autocheckpoint=5')\n${fill}\ndb.execute('PRAGMA wal_checkpoint(TRUNCATE)')`,
    );
    await same(instance);
  });

  test.each([
    ["journal_mode=DELETE", "print(db.execute('PRAGMA journal_mode=DELETE').fetchone())"],
    [
      "locking_mode=EXCLUSIVE",
      "db.execute('PRAGMA locking_mode=EXCLUSIVE'); db.execute('CREATE TABLE u (x)')",
    ],
  ])("%s is refused, and nothing is lost", async (_, pragma) => {
    const instance = await owner(1, { app: false });
    await sql(instance.database, fill);
    await expect(sql(instance.database, `db.execute('PRAGMA busy_timeout=100')\n${pragma}`)).rejects.toThrow(
      /database is locked/,
    );
    await sql(instance.database, "db.execute('INSERT INTO t VALUES (1)')");
    await same(instance);
  });

  test("a job that holds the write lock is no obstacle for the seal: what it has not committed is not there", async () => {
    const instance = await owner(1, { app: false });
    await sql(instance.database, fill);
    const job = execa("/usr/bin/python3", [
      "-c",
      "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\ndb.execute('BEGIN IMMEDIATE'); db.execute('DELETE FROM t')\nprint('holds', flush=True)\nsys.stdin.read()",
      instance.database,
    ]);
    await new Promise((resolve) => job.stdout?.once("data", resolve));
    const begun = performance.now();
    await instance.order("seal");
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(await sql(await restored(), "print(db.execute('SELECT count(*) FROM t').fetchone()[0])")).toBe(
      "200",
    );
    job.stdin?.end();
    await job;
  });

  test("a disk that is full for a while: nothing that was acknowledged is lost, and it goes on by itself", async () => {
    const instance = made(1);
    await instance.mount(24);
    await instance.takeOver();
    await instance.ship();
    await instance.serve();
    await instance.order("open");
    expect((await post(instance, 1)).status).toBe(200);
    await instance.fillDisk();
    const large = (n: number) => instance.ask("POST", `/write?client=c&n=${n}&bytes=200000`);
    expect((await large(2)).status).toBe(500);
    await instance.freeDisk();
    expect((await large(3)).status).toBe(200);
    await same(instance);
    expect(JSON.parse((await instance.ask("GET", "/")).body)).toEqual({ c: 3 });
  });

  test("a log that was deleted by hand is reported, until the next base has everything again", async () => {
    const instance = await owner(1, { app: false });
    await sql(instance.database, fill);
    await shipped(instance);
    const { objects } = await bucket.state.list("state/log/");
    await bucket.state.remove(objects.map(({ key }) => key));
    await sql(instance.database, "db.execute('INSERT INTO t VALUES (1)')");
    await shipped(instance);
    await expect(restored()).rejects.toThrow(/has lost its first entries[\s\S]*keeps earlier versions/);
    await sql(instance.database, "db.executemany('INSERT INTO t VALUES (randomblob(?))', [(10000,)] * 600)");
    await poll(
      "a base",
      async () => {
        const { bases } = await instance.status();
        return Number(bases) > 0 ? { done: true } : { waiting: "none" };
      },
      { seconds: 30, everySeconds: 0.2 },
    );
    await same(instance);
  });
});

describe("an owner that is restarted", () => {
  /** One write is on the disk, a second one is acknowledged, and then the power goes: the disk has lost it. */
  const lostPower = async (durability: "fast" | "s3") => {
    const instance = await owner(1, { durability });
    const state = path.dirname(instance.database);
    expect((await post(instance, 1)).status).toBe(200);
    await shipped(instance);
    await cp(state, `${state}.before`, { recursive: true });
    expect((await post(instance, 2)).status).toBe(200);
    await shipped(instance);
    instance.signal("SIGKILL");
    await systemClock.sleep(100);
    await rm(state, { recursive: true });
    await cp(`${state}.before`, state, { recursive: true });
    await rm(`${instance.database}-shm`);
    const kept = path.join(instance.folder, "keeps/shipped.json");
    const text = await readFile(kept, "utf8");
    await writeFile(kept, text.replace(/"boot":"[^"]*"/, '"boot":"another"'));
    return instance;
  };

  test.each(["s3", "fast"] as const)(
    'with less on its disk than in the bucket ("%s") takes over again instead of taking it back',
    async (durability) => {
      const instance = await lostPower(durability);
      await instance.ship();
      expect(instance.said).toMatch(/may have lost what is in the bucket/);
      await instance.serve();
      expect(JSON.parse((await instance.ask("GET", "/")).body)).toEqual({ c: 2 });
    },
  );
});

test("asked to end, the shipper first brings what is committed into the bucket", async () => {
  const instance = await owner(1, { durability: "fast" });
  bucket.server.disturb("s3", "PutObject", { delayMs: 1_500 });
  for (let n = 1; n <= 20; n++) expect((await post(instance, n)).status).toBe(200);
  expect(Number((await instance.status()).behind)).toBeGreaterThan(0);
  await instance.endShipper();
  expect(await sql(await restored(), "print(db.execute('SELECT count(*) FROM rows').fetchone())")).toBe(
    "(20,)",
  );
});

test("a site's first owner finds its databases there, and empty", async () => {
  const instance = made(1);
  instance.databases = ["db.sqlite3", "more/other.sqlite3"];
  await instance.takeOver();
  for (const database of instance.databases) {
    expect((await stat(path.join(instance.folder, "state", database))).size).toBe(0);
  }
  await instance.ship();
  await shipped(instance);
});

describe("the sealed owner goes back", () => {
  const sealed = async () => {
    const instance = await owner(1);
    expect((await post(instance, 1)).status).toBe(200);
    await instance.endApp();
    await instance.order("seal");
    return instance;
  };
  /** The new one migrates, and is not open yet. */
  const migrating = async () => {
    const next = made(2);
    await next.takeOver();
    await next.ship();
    await sql(next.database, "db.execute('CREATE TABLE migrated (x)'); db.execute('DELETE FROM rows')");
    await shipped(next);
    return next;
  };

  test("to its own databases when the new one fails before it is open: what that wrote is taken back", async () => {
    const old = await sealed();
    const next = await migrating();
    expect(await old.goBack(3)).toMatchObject({ rewound: true });
    await old.ship();
    await old.serve();
    await old.order("open");
    expect((await post(old, 2)).status).toBe(200);
    await expect(next.order("open")).rejects.toThrow(/409 .*"epoch":3/);
    await same(old);
    expect(JSON.parse((await old.ask("GET", "/")).body)).toEqual({ c: 2 });
  });

  test("and when it is gone, too, a third one begins with what there was before the new one's mark", async () => {
    await sealed();
    const next = made(2);
    await next.takeOver();
    await next.ship();
    await next.order("mark?name=before%20r2");
    await sql(next.database, "db.execute('CREATE TABLE migrated (x)'); db.execute('DELETE FROM rows')");
    await shipped(next);
    const third = await owner(3);
    expect(JSON.parse((await third.ask("GET", "/")).body)).toEqual({ c: 1 });
    await expect(sql(third.database, "db.execute('SELECT * FROM migrated')")).rejects.toThrow(
      /no such table/,
    );
    await same(third);
  });

  test("but never when the new one was open, whose writes count", async () => {
    const old = await sealed();
    const next = await migrating();
    await next.serve();
    await next.order("open");
    expect((await post(next, 5)).status).toBe(200);
    expect(await old.goBack(3)).toMatchObject({ rewound: false });
    expect((await post(next, 6)).status).toBe(503);
    await old.takeOver();
    await old.ship();
    await old.serve();
    await old.order("open");
    expect(JSON.parse((await old.ask("GET", "/")).body)).toEqual({ c: 5 });
    expect(await sql(old.database, "print(db.execute('SELECT count(*) FROM migrated').fetchone())")).toBe(
      "(0,)",
    );
  });
});

describe("is reported as what it is, with an exit code:", () => {
  test("a later owner", async () => {
    await owner(2, { app: false });
    const late = made(1);
    await expect(late.takeOver()).rejects.toMatchObject({ exitCode: 3, stderr: "epoch 2 has the log" });
  });
  test("a database that is none", async () => {
    const instance = made(1);
    await instance.takeOver();
    await writeFile(
      instance.database,
      "no database at all, but long enough to look like something".repeat(20),
    );
    await expect(instance.ship()).rejects.toThrow(/db\.sqlite3 cannot be kept: file is not a database/);
  });
  test("a shipper that starts without having taken the log", async () => {
    const first = await owner(1, { app: false });
    const settings = path.join(first.folder, "settings.json");
    const text = await readFile(settings, "utf8");
    await writeFile(settings, text.replace('"epoch":1', '"epoch":5').replace("control.sock", "other.sock"));
    await expect(
      execa(programs.node, [programs.bundle, "ship", settings], { env: bucket.env }),
    ).rejects.toMatchObject({ exitCode: 1, stderr: expect.stringContaining("is not of epoch 5") });
  });
});
