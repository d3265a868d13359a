"""A site that keeps what is posted to it: rows of (client, n). Plain sqlite3, a connection for each thread."""

import json
import os
import sqlite3
import threading
from urllib.parse import parse_qs

_local = threading.local()
_path = os.environ["APP_DATABASE"]


def _database():
    if not hasattr(_local, "database"):
        _local.database = sqlite3.connect(_path, timeout=20, isolation_level=None)
    return _local.database


def application(environ, start_response):
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    database = _database()
    if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/migrate":
        database.execute(
            "CREATE TABLE IF NOT EXISTS rows (client TEXT, n INTEGER, pad BLOB, PRIMARY KEY (client, n))"
        )
        body = {}
    elif environ["REQUEST_METHOD"] == "POST":
        database.execute("BEGIN IMMEDIATE")
        database.execute(
            "INSERT INTO rows VALUES (?, ?, randomblob(?))",
            (query["client"], int(query["n"]), int(query.get("bytes", "200"))),
        )
        database.execute("COMMIT")
        body = {}
    else:
        body = dict(database.execute("SELECT client, max(n) FROM rows GROUP BY client"))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
