"""Tests of the gate, against real SQLite databases and a lease as the shipper writes it; run by wrapper.test.ts."""

import asyncio
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

WRAPPER = sys.argv.pop(1)
sys.path.insert(0, WRAPPER)
import everspot_state as state  # noqa: E402

BOUND = 0.02


class Clock:
    """In the place of the gate's `time`: it moves on when the gate sleeps, by just that, whatever else the machine does."""

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def __init__(self):
        self.now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._due = []

    def clock_gettime_ns(self, _):
        return self.now

    def sleep(self, seconds):
        self.now += round(seconds * 1e9)
        for one in [one for one in self._due if one[0] <= self.now]:
            self._due.remove(one)
            one[1]()

    def after(self, seconds, call):
        self._due.append((self.now + round(seconds * 1e9), call))

    def since(self, then):
        return (self.now - then) / 1e9


clock = state.time = Clock()


class World:
    """A database, and the shipper's word about it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "db")
        self.lease = os.path.join(self.folder.name, "lease")
        self.database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA wal_autocheckpoint=0")
        self.database.execute("CREATE TABLE t (x)")

    def close(self):
        self.database.close()
        self.folder.cleanup()

    def commit(self):
        self.database.execute("INSERT INTO t VALUES (1)")

    def tell(self, until=0.0, frames=None, over=0, pending=0, index=None, salt=None, uploads=0):
        """All that is committed is in the bucket, unless other frames are given."""
        inode, now, count = state._Index(self.path).position()
        frames = count if frames is None else frames
        at = clock.now + int(until * 1e9)
        data = state._HEAD.pack(b"EVL1", 1, 2, max(at, 0), int(BOUND * 1e9), over, uploads)
        data += state._EACH.pack(salt or now, frames, pending, index or inode)
        with open(self.lease, "r+b" if os.path.exists(self.lease) else "w+b") as file:
            file.write(data.ljust(4096, b"\0"))

    def gate(self, durability="s3"):
        return state.Gate(self.lease, [self.path], durability)


def passes(gate, seen=None):
    """Seconds it took; None: withheld."""
    begun = clock.now
    try:
        for seconds in gate.waits(seen or gate.seen()):
            clock.sleep(seconds)
    except state.Withheld:
        return None
    return clock.since(begun)


class GateTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def test_what_is_in_the_bucket_passes_at_once(self):
        self.world.tell(until=-1)
        self.assertEqual(passes(self.world.gate()), 0)
        self.assertEqual(passes(self.world.gate("fast")), 0)

    def test_a_commit_waits_until_it_is_in_the_bucket(self):
        gate = self.world.gate()
        self.world.tell(until=9)
        self.world.commit()
        seen = gate.seen()
        clock.after(0.1, self.world.tell)
        waited = passes(gate, seen)
        self.assertGreaterEqual(waited, 0.1)
        self.assertLess(waited, 0.11)

    def test_a_commit_that_never_gets_there_is_withheld_after_ten_bounds(self):
        self.world.tell()
        self.world.commit()
        begun = clock.now
        self.assertIsNone(passes(self.world.gate()))
        self.assertAlmostEqual(clock.since(begun), 10 * BOUND, delta=0.02)

    def test_fast_passes_within_the_bound_and_waits_behind_it(self):
        self.world.tell(until=9)
        self.world.commit()
        self.assertEqual(passes(self.world.gate("fast")), 0)
        self.world.tell(until=-0.001, frames=0)
        self.assertIsNone(passes(self.world.gate("fast")))

    def test_nothing_passes_once_another_has_the_site(self):
        self.world.tell(until=9, over=1)
        self.assertIsNone(passes(self.world.gate()))
        self.assertIsNone(passes(self.world.gate("fast")))

    def test_nothing_passes_without_a_lease_or_with_a_shipper_that_is_not_attached(self):
        state._FIRST_BOUND, before = BOUND, state._FIRST_BOUND
        self.addCleanup(setattr, state, "_FIRST_BOUND", before)
        self.assertIsNone(passes(self.world.gate()))
        self.world.tell(index=1)
        self.assertIsNone(passes(self.world.gate()))

    def test_a_generation_that_was_reset_is_taken_for_shipped_only_when_nothing_of_it_is_pending(self):
        gate = self.world.gate()
        old = gate.seen()
        inode, salt, _ = old[0][0]
        newer = struct.pack(">I", int.from_bytes(salt[:4], "big") + 1) + b"abcd"
        self.world.tell(salt=newer, frames=1)
        self.assertEqual(passes(gate, old), 0)
        self.world.tell(pending=1)
        self.assertIsNone(passes(gate, ([(inode, newer, 0)], 0)))
        self.world.tell(pending=0)
        self.assertEqual(passes(gate, ([(inode, newer, 0)], 0)), 0)

    def test_looking_at_the_index_leaves_sqlites_locks_alone(self):
        gate = self.world.gate()
        self.world.database.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            gate.seen()
        other = (
            "import sqlite3, sys\nd = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
            "try:\n    d.execute('BEGIN IMMEDIATE')\nexcept sqlite3.OperationalError as e:\n    print(e)\n"
        )
        said = subprocess.run([sys.executable, "-S", "-c", other, self.world.path], capture_output=True, text=True).stdout
        self.assertIn("locked", said)


class WsgiTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.tell(until=9)
        self.heads = []

    def ask(self, application):
        def start(status, headers, exc_info=None):
            self.heads.append(status)
            return self.heads.append

        return state.Wsgi(application, self.world.gate())({}, start)

    def test_a_list_is_passed_on_as_it_is(self):
        body = [b"x"]

        def application(environ, start_response):
            start_response("200 OK", [])
            return body

        self.assertIs(self.ask(application), body)
        self.assertEqual(self.heads, ["200 OK"])

    def test_a_generator_that_starts_late_is_gated_and_closed(self):
        world, closed = self.world, []

        def application(environ, start_response):
            try:
                yield b""
                world.commit()
                start_response("201 Created", [])
                yield b"a"
                yield b"b"
            finally:
                closed.append(True)

        clock.after(0.1, self.world.tell)
        begun = clock.now
        result = self.ask(application)
        self.assertGreaterEqual(clock.since(begun), 0.1)
        self.assertEqual((b"".join(result), self.heads), (b"ab", ["201 Created"]))
        result.close()
        self.assertEqual(closed, [True])

    def test_what_is_withheld_is_503_and_the_answer_is_closed(self):
        world = self.world

        class Body(list):
            closed = False

            def close(self):
                self.closed = True

        body = Body([b"secret"])

        def application(environ, start_response):
            world.commit()
            start_response("200 OK", [])
            return body

        self.assertNotIn(b"secret", b"".join(self.ask(application)))
        self.assertEqual(self.heads, ["503 Service Unavailable"])
        self.assertTrue(body.closed)

    def test_write_waits_too(self):
        def application(environ, start_response):
            start_response("200 OK", [])(b"piece")
            return []

        self.ask(application)
        self.assertEqual(self.heads, ["200 OK", b"piece"])


class AsgiTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.tell(until=9)

        async def sleep(seconds):
            clock.sleep(seconds)

        patched = unittest.mock.patch.object(asyncio, "sleep", sleep)
        patched.start()
        self.addCleanup(patched.stop)

    def ask(self, commit):
        sent = []

        async def application(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if commit:
                self.world.commit()
            await send({"type": "http.response.body", "body": b"x"})

        async def send(message):
            sent.append(message.get("status", message.get("body")))

        asyncio.run(state.Asgi(application, self.world.gate())({"type": "http"}, None, send))
        return sent

    def test_head_and_body_come_together_when_they_may(self):
        self.assertEqual(self.ask(False), [200, b"x"])

    def test_a_commit_between_head_and_body_holds_both(self):
        clock.after(0.1, self.world.tell)
        begun = clock.now
        self.assertEqual(self.ask(True), [200, b"x"])
        self.assertGreaterEqual(clock.since(begun), 0.1)

    def test_what_is_withheld_is_503(self):
        self.assertEqual(self.ask(True)[0], 503)


class UploadsTest(unittest.TestCase):
    """What a request changes among the uploads: whether its answer waits, and until when."""

    def run_python(self, program):
        with tempfile.TemporaryDirectory() as folder:
            media = os.path.join(folder, "media")
            os.makedirs(os.path.join(media, "2026"))
            os.symlink(media, os.path.join(folder, "link"))
            for name in ("media/there", "other"):
                with open(os.path.join(folder, name), "w") as file:
                    file.write("x")
            environment = {
                "PYTHONPATH": WRAPPER,
                "EVERSPOT_STATE_UPLOADS": media,
                "EVERSPOT_STATE_UPLOADS_SOCKET": os.path.join(folder, "socket"),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            before = "import os, shutil, threading, everspot_uploads as u\nos.chdir(%r)\nu.begin()\n" % folder
            done = subprocess.run(
                [sys.executable, "-S", "-c", before + program], env=environment, capture_output=True, text=True
            )
            self.assertEqual(done.stderr, "")
            return done.stdout.strip()

    def test_whatever_changes_an_upload_is_noticed_and_nothing_else(self):
        for program, waits in (
            ("open('media/2026/new', 'w')", True),
            ("open('link/new', 'wb')", True),
            ("os.open('media/new', os.O_CREAT | os.O_WRONLY)", True),
            ("os.remove('media/there')", True),
            ("os.rename('other', 'media/moved')", True),
            ("os.rename('media/there', 'gone')", True),
            ("shutil.copy('other', 'link/2026/copy')", True),
            ("shutil.rmtree('media')", True),
            ("open('media/there').read()", False),
            ("open('other', 'w')", False),
            ("open('media-other', 'w')", False),
            ("os.path.exists('media/there')", False),
        ):
            self.assertEqual(self.run_python(program + "\nprint(u.changed() > 0)"), str(waits), program)

    def test_another_request_need_not_wait_for_it(self):
        program = (
            "open('media/new', 'w')\n"
            "def other():\n    u.begin()\n    print(u.changed())\n"
            "thread = threading.Thread(target=other)\nthread.start()\nthread.join()"
        )
        self.assertEqual(self.run_python(program), "0")

    def test_what_is_not_here_is_asked_for_before_it_is_opened(self):
        program = (
            "import socket\n"
            "server = socket.socket(socket.AF_UNIX)\nserver.bind('socket')\nserver.listen()\n"
            "os.chmod('media/there', 0o600)\n"
            "def serve():\n"
            "    connection = server.accept()[0]\n"
            "    print(connection.recv(999).split(b'\\r')[0].decode())\n"
            "    os.chmod('media/there', 0o664)\n"
            "    connection.close()\n"
            "threading.Thread(target=serve).start()\n"
            "print(open('link/there').read(), oct(os.stat('media/there').st_mode)[-3:])"
        )
        self.assertEqual(self.run_python(program).split("\n"), ["GET /there HTTP/1.0", "x 664"])

    def test_an_answer_waits_until_the_uploads_are_there_as_of_its_end(self):
        world = World()
        self.addCleanup(world.close)
        gate = world.gate()
        positions, _ = gate.seen()
        now = clock.now
        world.tell(uploads=now - 1)
        self.assertIsNone(passes(gate, (positions, now)))
        world.tell(uploads=now)
        self.assertEqual(passes(gate, (positions, now)), 0)


class SitecustomizeTest(unittest.TestCase):
    def run_python(self, program, databases, path=()):
        environment = {
            "PYTHONPATH": os.pathsep.join([WRAPPER, *path]),
            "EVERSPOT_STATE_DATABASES": databases,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.strip()

    def test_checkpoints_of_the_sites_databases_are_left_to_the_shipper(self):
        with tempfile.TemporaryDirectory() as folder:
            mine, other, link = (os.path.join(folder, name) for name in ("mine", "other", "link"))
            os.symlink(mine, link)
            program = (
                "import sqlite3, sys\nfrom sqlite3.dbapi2 import connect\n"
                "for path, connect in ((%r, sqlite3.connect), (%r, connect), (%r, connect), (':memory:', connect)):\n"
                "    print(connect(path).execute('PRAGMA wal_autocheckpoint').fetchone()[0])"
            ) % (mine, link, other)
            self.assertEqual(self.run_python(program, mine).split(), ["0", "0", "1000", "1000"])

    def test_the_projects_own_runs_too(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "sitecustomize.py"), "w") as file:
                file.write("import builtins\nbuiltins.mine = 'ran'\n")
            self.assertEqual(self.run_python("print(mine)", "/x", [folder]), "ran")

    # As Django's: a cursor of its own class, and a transaction that reads before it writes.
    # Its own `time` moves on when somebody sleeps; who holds the write lock lets go after 25 looks, if at all.
    TRANSACTION = """
import sqlite3, time
slept, held = [], False
def sleep(seconds):
    slept.append(seconds)
    if held and len(slept) == 25:
        other.execute("ROLLBACK")
time.sleep, time.monotonic = sleep, lambda: sum(slept)
class Cursor(sqlite3.dbapi2.Cursor):
    def execute(self, *args):
        return super().execute(*args)
db = sqlite3.connect(%r, timeout=0, isolation_level=None).cursor(factory=Cursor)
other = sqlite3.connect(%r, timeout=0, isolation_level=None)
db.execute("BEGIN")
db.execute("SELECT * FROM t").fetchall()
try:
    {meanwhile}
    db.execute("COMMIT")
    print("written", sorted(x for (x,) in db.execute("SELECT x FROM t")))
except sqlite3.OperationalError as error:
    print(error.sqlite_errorname, "after %%.1f s" %% sum(slept))
"""
    HELD = "other.execute('BEGIN IMMEDIATE'); held = True"

    def transaction(self, meanwhile):
        world = World()
        self.addCleanup(world.close)
        program = self.TRANSACTION.replace("{meanwhile}", meanwhile) % (world.path, world.path)
        return self.run_python(program, world.path)

    @unittest.skipIf(sys.version_info < (3, 11), "instances have Python 3.11 at least")
    def test_who_has_read_waits_for_a_checkpoint_to_write(self):
        self.assertEqual(self.transaction(self.HELD + "; db.execute('INSERT INTO t VALUES (1)')"), "written [1]")
        rows = "; db.executemany('INSERT INTO t VALUES (?)', %s)"
        self.assertEqual(self.transaction(self.HELD + rows % "[(1,), (2,)]"), "written [1, 2]")
        # No row of it is lost.
        self.assertEqual(self.transaction(self.HELD + rows % "iter([(1,), (2,)])"), "SQLITE_BUSY after 0.0 s")

    @unittest.skipIf(sys.version_info < (3, 11), "instances have Python 3.11 at least")
    def test_who_has_read_waits_no_longer_than_a_second(self):
        stuck = "other.execute('BEGIN IMMEDIATE'); db.execute('INSERT INTO t VALUES (1)')"
        self.assertEqual(self.transaction(stuck), "SQLITE_BUSY after 1.0 s")

    @unittest.skipIf(sys.version_info < (3, 11), "instances have Python 3.11 at least")
    def test_who_has_read_what_another_has_changed_since_is_told_at_once(self):
        other = "other.execute('INSERT INTO t VALUES (7)'); db.execute('INSERT INTO t VALUES (1)')"
        self.assertEqual(self.transaction(other), "SQLITE_BUSY_SNAPSHOT after 0.0 s")


unittest.main(verbosity=0)
