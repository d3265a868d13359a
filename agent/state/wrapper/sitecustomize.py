"""Leaves checkpoints of the site's databases to the shipper, in every Python of the site: sqlite3.connect() turns off
those that SQLite would do by itself, and has who is in the middle of a transaction wait for one. Then runs the project's own sitecustomize, which this one stands before."""

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


# Seconds; a checkpoint takes some milliseconds.
_PATIENCE = 1.0
_AGAIN = 0.002
_BUSY = 5


def _wait_for_checkpoints():
    """The shipper holds the write lock during a checkpoint. SQLite waits for it as long as `timeout` says, but for a
    transaction that has read already: that one's first write fails at once (https://www.sqlite.org/c3ref/busy_handler.html).
    The shipper waits for no reader, so it may be waited for. Another writer's commit is another error (BUSY_SNAPSHOT)."""
    import sqlite3
    import time
    from sqlite3 import dbapi2

    def patiently(run, connection, *args):
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return run(*args)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", None) != _BUSY or not connection.in_transaction:
                    raise
                if time.monotonic() > until:
                    raise
            time.sleep(_AGAIN)

    class Cursor(sqlite3.Cursor):
        def execute(self, *args):
            return patiently(super().execute, self.connection, *args)

        def executemany(self, statement, rows):
            if not isinstance(rows, (list, tuple)):
                # A row that was taken from it once does not come again.
                return super().executemany(statement, rows)
            return patiently(super().executemany, self.connection, statement, rows)

    sqlite3.Cursor = dbapi2.Cursor = Cursor


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
    _wait_for_checkpoints()
if os.environ.get("EVERSPOT_STATE_UPLOADS"):
    import everspot_uploads  # noqa: F401
_run_the_next()
