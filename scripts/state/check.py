"""Prints what a database, restored, holds by a query of (client, n): {"integrity": "ok", "rows": {client: [n, …]}}."""

import json
import sqlite3
import sys

database = sqlite3.connect(sys.argv[1])
integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
rows = {}
for client, n in database.execute(sys.argv[2]):
    rows.setdefault(client, []).append(n)
print(json.dumps({"integrity": integrity, "rows": rows}))
