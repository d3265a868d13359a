"""Puts a site's answers behind its state: none is given before what it may tell of is safe.

The shipper says in a small file in memory how far the databases are in the bucket (agent/state/lease.ts has its form).
Here, in the app's own process, each answer is held until that is far enough, so that the promise holds when shipper and
agent are dead:

- "s3": until the last commit in each database's index, as of the finished answer, is in the bucket, and what the
  request has changed among the uploads (everspot_uploads.py);
- "fast": as long as something may have been committed longer ago than the bound that is not there.

After ten times the bound the answer is 503. What is committed while a streamed answer is under way is not held.
Environment: EVERSPOT_STATE_LEASE (path), EVERSPOT_STATE_DATABASES (paths, separated by colons),
EVERSPOT_STATE_DURABILITY ("fast" or "s3"), EVERSPOT_STATE_APP ("module:callable").
"""

import importlib
import inspect
import mmap
import os
import struct
import time

import everspot_uploads

# Until a shipper has said what it is: seconds.
_FIRST_BOUND = 2.0
# Seconds that a PUT takes, until it is known, and between two looks.
_FIRST_PUT = 0.03
_SHORTEST = 0.001
_LONGEST = 0.02
_TIMES = 10
_HEAD = struct.Struct("<4sIQQQI4xQ")
_EACH_AT = 48
_EACH = struct.Struct("<8sIIQ")


class Withheld(Exception):
    """The answer may not be given."""


class _Shared:
    """A file that other processes write, mapped.

    Its descriptor is never closed: that would drop the locks that SQLite holds on the same file in this process.
    """

    def __init__(self, path):
        self.path = path
        self.inode = 0
        self._descriptor = None
        self._map = None

    def bytes(self, length):
        """None: there is no such file, or it is not that long yet."""
        try:
            inode = os.stat(self.path).st_ino
        except OSError:
            return None
        if inode != self.inode:
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return None
            self._descriptor, self._map, self.inode = descriptor, None, os.fstat(descriptor).st_ino
        if self._map is None:
            if os.fstat(self._descriptor).st_size < length:
                return None
            self._map = mmap.mmap(self._descriptor, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        return self._map[:length]


class _Index:
    """The index of a write-ahead log (https://www.sqlite.org/walformat.html, "The WAL-Index File Format")."""

    _SIZE = 48

    def __init__(self, database):
        self._shared = _Shared(database + "-shm")

    def position(self):
        """(inode, salts, frames); no index is inode 0."""
        for _ in range(100):
            both = self._shared.bytes(2 * self._SIZE)
            if both is None:
                return 0, bytes(8), 0
            if both[: self._SIZE] == both[self._SIZE :]:
                frames = int.from_bytes(both[16:20], _ORDER) if both[12] else 0
                return self._shared.inode, both[32:40], frames
            time.sleep(0.0001)
        # It is written all the time: taken for a commit that has not been shipped.
        return self._shared.inode, bytes(8), 0xFFFFFFFF


_ORDER = "little" if struct.pack("=H", 1) == b"\x01\x00" else "big"


class Gate:
    """Whether an answer may be given now."""

    def __init__(self, lease, databases, durability):
        self._lease = _Shared(lease)
        self._indexes = [_Index(database) for database in databases]
        self._fast = durability == "fast"
        self._size = _EACH_AT + _EACH.size * len(self._indexes)
        # Seconds that answers waited lately.
        self._usual = _FIRST_PUT

    def seen(self):
        """What an answer that is finished now may tell of: of each database, and when the uploads were changed last."""
        return [index.position() for index in self._indexes], everspot_uploads.changed()

    def waits(self, seen):
        """Yields the seconds to wait until the answer may be given.

        Raises Withheld when it may not.
        """
        positions, changed = seen
        begun = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        while True:
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            waited = (now - begun) / 1e9
            bound = int(_FIRST_BOUND * 1e9)
            lease = self._read()
            if lease is not None:
                until, bound, over, uploads, databases = lease
                if over:
                    raise Withheld("another instance has the site")
                if self._fast and now < until:
                    return
                if uploads >= changed and all(_shipped(*one) for one in zip(positions, databases)):
                    # The first look is no wait.
                    if waited > _SHORTEST:
                        self._usual += (waited - self._usual) / 8
                    return
            if waited > _TIMES * bound / 1e9:
                raise Withheld("what it tells of is not in the bucket")
            # Halfway to when it is usually there, and from then on often: an answer is a twentieth later than it could be.
            yield min(max((self._usual - waited) / 2, waited / 20, _SHORTEST), _LONGEST)

    def _read(self):
        for _ in range(100):
            data = self._lease.bytes(self._size)
            if data is None:
                return None
            magic, count, sequence, until, bound, over, uploads = _HEAD.unpack_from(data)
            if magic == b"EVL1" and sequence % 2 == 0 and count == len(self._indexes):
                # Taken again: it is whole if it is the same.
                if self._lease.bytes(self._size) == data:
                    each = [_EACH.unpack_from(data, _EACH_AT + i * _EACH.size) for i in range(count)]
                    return until, bound, over, uploads, each
            time.sleep(0.0001)
        return None


def _shipped(seen, database):
    inode, salt, frames = seen
    known_salt, known_frames, pending, index = database
    if inode != index:
        return False
    if salt == known_salt:
        return frames <= known_frames
    if frames == 0:
        return pending == 0
    # The first salt grows by one with each reset, and nothing is reset before it was taken.
    newer = (int.from_bytes(known_salt[:4], "big") - int.from_bytes(salt[:4], "big")) & 0xFFFFFFFF
    return 0 < newer < 0x80000000


_REFUSED = "503 Service Unavailable"
_REFUSED_HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "2"), ("Cache-Control", "no-store")]
_REFUSED_BODY = b"This site cannot keep what is written to it at the moment. Please try again.\n"


class Wsgi:
    """A WSGI application behind the gate."""

    def __init__(self, application, gate):
        self._application = application
        self._gate = gate

    def __call__(self, environ, start_response):
        everspot_uploads.begin()
        answer = _Answer(self._gate, start_response)
        result = self._application(environ, answer.start)
        try:
            if answer.kept is not None:
                # It is passed on as it is: the server may have a way of its own to send a file.
                answer.release()
                return result
            # A generator: it says how it begins when it is asked for its first piece.
            pieces = iter(result)
            first = []
            while answer.kept is None:
                piece = next(pieces, None)
                if piece is None:
                    break
                first.append(piece)
            answer.release()
            return _Rest(first, pieces, result)
        except Withheld:
            if hasattr(result, "close"):
                result.close()
            start_response(_REFUSED, list(_REFUSED_HEADERS))
            return [_REFUSED_BODY]


class _Answer:
    def __init__(self, gate, start_response):
        self._gate = gate
        self._start_response = start_response
        self._write = None
        self.kept = None

    def start(self, status, headers, exc_info=None):
        if self._write is not None:
            return self._start_response(status, headers, exc_info)
        self.kept = (status, headers, exc_info)
        return self._write_late

    def release(self):
        """Gives the head of the answer to the server. Raises Withheld."""
        if self._write is None and self.kept is not None:
            for seconds in self._gate.waits(self._gate.seen()):
                time.sleep(seconds)
            status, headers, exc_info = self.kept
            self._write = self._start_response(status, headers, *([exc_info] if exc_info else []))

    def _write_late(self, data):
        self.release()
        return self._write(data)


class _Rest:
    def __init__(self, first, pieces, result):
        self._first = first
        self._pieces = pieces
        self._result = result

    def __iter__(self):
        yield from self._first
        yield from self._pieces

    def close(self):
        if hasattr(self._result, "close"):
            self._result.close()


class Asgi:
    """An ASGI application behind the gate."""

    def __init__(self, application, gate):
        self._application = application
        self._gate = gate

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        import asyncio

        everspot_uploads.begin()
        head = None
        refused = False

        async def gated():
            for seconds in self._gate.waits(self._gate.seen()):
                await asyncio.sleep(seconds)

        async def hold(message):
            nonlocal head, refused
            if refused:
                return
            if message["type"] == "http.response.start":
                head = message
                return
            if scope["type"] == "websocket" and message["type"] == "websocket.send":
                try:
                    await gated()
                except Withheld:
                    refused = True
                    await send({"type": "websocket.close", "code": 1013})
                    return
            elif head is not None:
                try:
                    await gated()
                except Withheld:
                    refused = True
                    headers = [(name.lower().encode(), value.encode()) for name, value in _REFUSED_HEADERS]
                    await send({"type": "http.response.start", "status": 503, "headers": headers})
                    await send({"type": "http.response.body", "body": _REFUSED_BODY})
                    return
                await send(head)
                head = None
            await send(message)

        await self._application(scope, receive, hold)


def _gate():
    databases = [path for path in os.environ["EVERSPOT_STATE_DATABASES"].split(":") if path]
    return Gate(os.environ["EVERSPOT_STATE_LEASE"], databases, os.environ.get("EVERSPOT_STATE_DURABILITY", "fast"))


def _load():
    module, _, name = os.environ["EVERSPOT_STATE_APP"].partition(":")
    found = importlib.import_module(module)
    for part in (name or "application").split("."):
        found = getattr(found, part)
    return found


def _speaks_asgi(app):
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))


def __getattr__(name):
    """`everspot_state:application`, for whichever of WSGI and ASGI the app speaks."""
    if name != "application":
        raise AttributeError(name)
    app = _load()
    globals()[name] = (Asgi if _speaks_asgi(app) else Wsgi)(app, _gate())
    return globals()[name]
