import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { systemClock } from "../../agent/site/clock.ts";
import { BEGINNING } from "../../agent/site/state/place.ts";
import { readLog } from "../../agent/site/state/read-log.ts";
import { publishBase } from "../../agent/state/base-writer.ts";
import { LogWriter } from "../../agent/state/log/log-writer.ts";
import { takeLog } from "../../agent/state/log/take.ts";
import { WalFile } from "../../agent/state/wal-file.ts";
import { startBucket } from "./bucket.ts";
import { Instance, type Programs } from "./instance.ts";
import type { Restoring } from "./keepers.ts";

const FILE = "db.sqlite3";
const PAGE = 4096;

/** A database of 1 MB, and behind its base so many commits of one row, each an entry of its own. */
const COMMITS = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA page_size=${PAGE}")
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=OFF")
db.execute("PRAGMA wal_autocheckpoint=0")
db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n BLOB, pad BLOB)")
db.execute("BEGIN")
db.executemany("INSERT INTO t VALUES (?, zeroblob(8), randomblob(500))", [(i,) for i in range(2000)])
db.execute("COMMIT")
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
print("based", flush=True)
sys.stdin.readline()
for n in range(1, int(sys.argv[2]) + 1):
    db.execute("UPDATE t SET n = ? WHERE id = ?", (n.to_bytes(8, "big"), n % 2000))
print("written", flush=True)
sys.stdin.readline()
`;

/** Brings a database back from a base with so many entries behind it: a site whose owner made no base all day has them. */
export async function longLog(programs: Programs, folder: string, entries: number): Promise<Restoring> {
  const bucket = await startBucket();
  await mkdir(folder, { recursive: true });
  const database = path.join(folder, FILE);
  // Who writes them had the whole day.
  const direct = {
    ...bucket.state,
    create: async (key: string, body: Uint8Array) => {
      bucket.add(key, body);
      return { won: true as const, date: new Date().toISOString() };
    },
  };
  const me = { epoch: 1, instance: "i-1", run: "0".repeat(16) };
  const patience = { clock: systemClock };
  const writer = execa("/usr/bin/python3", ["-c", COMMITS, database, String(entries)]);
  const says = writer.iterable()[Symbol.asyncIterator]();
  try {
    const { place } = await takeLog(
      bucket.state,
      me,
      async (options) => ({ place: await readLog(bucket.state, BEGINNING, options) }),
      patience,
    );
    const log = new LogWriter(direct, me, place, patience);
    await log.append({ kind: "open" });
    await says.next();
    const file = await open(database);
    const source = { file: FILE, path: database, descriptor: file.fd, page: PAGE };
    await publishBase(bucket.state, log.place, [source], new Map(), new Set(), patience);
    await file.close();
    writer.stdin.write("\n");
    await says.next();
    const wal = new WalFile(database);
    wal.look();
    const { salt = "", committed = 0 } = wal.generation ?? {};
    if (committed !== entries) throw new Error(`${entries} commits made ${committed} frames`);
    for (let n = 0; n < committed; n++) {
      const frames = { file: FILE, page: PAGE, salt, from: n, to: n + 1 };
      await log.append({ kind: "data", frames }, wal.frames(n, n + 1));
    }
    wal.close();
    writer.stdin.end("\n");
    await writer;
    const into = new Instance(programs, bucket, path.join(folder, "back"), 1, "fast");
    const begun = performance.now();
    await into.restore();
    const seconds = (performance.now() - begun) / 1000;
    const last =
      "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT hex(max(n)) FROM t').fetchone()[0])";
    const { stdout } = await execa("/usr/bin/python3", ["-c", last, into.database]);
    if (Number.parseInt(stdout, 16) !== entries)
      throw new Error(`of ${entries} commits the last one back is ${stdout}`);
    await into.destroy();
    return { seconds, resident: into.resident };
  } finally {
    writer.kill();
    await writer.catch(() => undefined);
    await bucket.close();
  }
}
