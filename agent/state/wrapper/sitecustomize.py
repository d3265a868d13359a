"""Leaves checkpoints of the site's databases to the shipper, in every Python of the site: sqlite3.connect() turns off
those that SQLite would do by itself. Then runs the project's own sitecustomize, which this one stands before."""

import os
import sys


def _leave_checkpoints(databases):
    import sqlite3
    from sqlite3 import dbapi2

    plain = sqlite3.connect

    def connect(*args, **kwargs):
        connection = plain(*args, **kwargs)
        main = next((row[2] for row in _databases(connection) if row[1] == "main"), "")
        if main and os.path.realpath(main) in databases:
            connection.execute("PRAGMA wal_autocheckpoint=0").close()
        return connection

    sqlite3.connect = dbapi2.connect = connect


def _databases(connection):
    factory, connection.row_factory = connection.row_factory, None
    try:
        return connection.execute("PRAGMA database_list").fetchall()
    finally:
        connection.row_factory = factory


def _run_the_next():
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.realpath(__file__))
    path = [entry for entry in sys.path if os.path.realpath(entry or ".") != here]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


_paths = os.environ.get("EVERSPOT_STATE_DATABASES", "")
if _paths:
    _leave_checkpoints({os.path.realpath(path) for path in _paths.split(":") if path})
if os.environ.get("EVERSPOT_STATE_UPLOADS"):
    import everspot_uploads  # noqa: F401
_run_the_next()
