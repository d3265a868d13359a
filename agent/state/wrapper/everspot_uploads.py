"""The site's own code and its uploads, as Python's audit events show them: what a request has changed among them, and what it
opens whose content was not fetched yet, which is fetched then.

Environment: EVERSPOT_STATE_UPLOADS (path of the folder) and EVERSPOT_STATE_UPLOADS_SOCKET (agent/state/media/serve.ts).
"""

import os
import socket
import stat
import sys
import time
from contextvars import ContextVar
from urllib.parse import quote

_folder = os.environ.get("EVERSPOT_STATE_UPLOADS", "")
_socket = os.environ.get("EVERSPOT_STATE_UPLOADS_SOCKET", "")
_root = os.path.realpath(_folder) + "/" if _folder else ""

# Of the request under way: when it changed an upload last, in nanoseconds of CLOCK_BOOTTIME. Code that runs on behalf of
# it in other threads shares the list, if it was given the context.
_request = ContextVar("everspot_uploads", default=None)
# The same of what runs for no request, and how long it may write to what it has opened.
_others = [0]
_WRITES = 5_000_000_000
# Folders as they were written, and where they are.
_known = {}
_MOST_KNOWN = 1000


def begin():
    """A request begins."""
    if _root:
        _request.set([0])


def changed():
    """Until when uploads may have been changed that an answer tells of which is finished now; 0: none were.

    A file that was opened may have been written to until now.
    """
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    mine = _request.get()
    if mine and mine[0]:
        return now
    return min(now, _others[0] + _WRITES) if _others[0] else 0


def _name(path):
    """Of an upload; None for what is none."""
    if isinstance(path, int):
        return None
    path = os.fsdecode(path)
    folder, name = os.path.split(path)
    if folder not in _known or not folder.startswith("/"):
        if len(_known) > _MOST_KNOWN:
            _known.clear()
        _known[folder] = os.path.realpath(folder) + "/"
    whole = _known[folder] + name
    return whole[len(_root) :] if whole.startswith(_root) else None


def _note(*paths):
    for path in paths:
        if path is not None and _name(path) is not None:
            (_request.get() or _others)[0] = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            return


def _opened(path, _mode, flags):
    name = _name(path)
    if name is None:
        return
    if flags & os.O_ACCMODE != os.O_RDONLY:
        _note(path)
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    # The file that stands for an upload is the shipper's alone.
    if stat.S_ISREG(mode) and stat.S_IMODE(mode) == 0o600:
        _fetch(name)


def _fetch(name):
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(_socket)
            connection.sendall(f"GET /{quote(name)} HTTP/1.0\r\n\r\n".encode())
            while connection.recv(4096):
                pass
    except OSError:
        # Then it cannot be opened, and that says why.
        pass


def _removed(path, folder=-1):
    # A path in an open folder does not say which folder that is.
    if folder not in (-1, None):
        (_request.get() or _others)[0] = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    else:
        _note(path)


_EVENTS = {
    "open": _opened,
    "os.remove": _removed,
    "os.rmdir": _removed,
    "os.rename": lambda source, target, *_: _note(source, target),
    "os.link": lambda source, target, *_: _note(target),
    "os.truncate": lambda path, _length: _note(path),
}


def _heard(event, arguments):
    handle = _EVENTS.get(event)
    if handle is not None:
        handle(*arguments)


if _root:
    sys.addaudithook(_heard)
