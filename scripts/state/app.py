"""A site that keeps what is posted to it: rows of (client, n). Plain sqlite3, a connection for each thread."""

import hashlib
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


def _upload(environ, path):
    if environ["REQUEST_METHOD"] == "POST":
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    elif environ["REQUEST_METHOD"] == "DELETE":
        os.remove(path)
    with open(path, "rb") if os.path.exists(path) else open(os.devnull, "rb") as file:
        return {"sha256": hashlib.sha256(file.read()).hexdigest()}


def application(environ, start_response):
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    database = _database()
    if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/migrate":
        database.execute(
            "CREATE TABLE IF NOT EXISTS rows (client TEXT, n INTEGER, pad BLOB, PRIMARY KEY (client, n))"
        )
        body = {}
    elif environ["PATH_INFO"].startswith("/media/"):
        name = environ["PATH_INFO"].encode("latin-1").decode()[len("/media/") :]
        body = _upload(environ, os.path.join(os.environ["APP_MEDIA"], name))
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
