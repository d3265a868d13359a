"""Writes rows to a database at a pace, and prints the number of each and when it was committed (CLOCK_MONOTONIC, ms)."""

import sqlite3
import sys
import time

path, pace = sys.argv[1], float(sys.argv[2])
database = sqlite3.connect(path, timeout=300, isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA wal_autocheckpoint=0")
database.execute("CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, pad BLOB)")
n = database.execute("SELECT coalesce(max(n), 0) FROM rows").fetchone()[0]
begun = time.monotonic()
for i in range(1, 1_000_000):
    database.execute("INSERT INTO rows VALUES (?, randomblob(200))", (n + i,))
    print(n + i, time.monotonic() * 1000, flush=True)
    time.sleep(max(0, begun + i / pace - time.monotonic()))
