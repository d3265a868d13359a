"""Asks a Django project about itself, in a copy of it, and answers in a file.

Runs in the project's own Python, whichever that is (3.6 or later), with an environment and a folder that belong to this
one run. Usage: ask.py REQUEST.json, which has
  folder    the copy, where the run begins
  path      what comes first on sys.path
  answer    the file that gets the answer, written anew after each part
  wsgi      module and callable, for a project whose settings have no module of their own, or null
  given     variables of the environment whose values are everspot's stand-ins
  do        parts: "models", "checks", "migrate", "collectstatic", "visit"
  visit     {"host": ..., "paths": [...]}
  plain     whether pages are to do without what collectstatic makes
Nothing of the project's output matters; no connection can be made from here.
"""
import hashlib
import json
import os
import re
import socket
import sys
import traceback

with open(sys.argv[1]) as given:
    REQUEST = json.load(given)
FOLDER = os.path.realpath(REQUEST["folder"])
ANSWER = {"python": "%d.%d.%d" % sys.version_info[:3], "reads": [], "done": []}


def save():
    whole = REQUEST["answer"] + ".part"
    with open(whole, "w") as out:
        json.dump(ANSWER, out)
    os.replace(whole, REQUEST["answer"])


def refuse(*_, **__):
    raise OSError("everspot asks a project without a network")


socket.socket.connect = refuse
socket.socket.connect_ex = refuse
socket.socket.sendto = refuse
socket.getaddrinfo = refuse
socket.create_connection = refuse


def place(frames):
    """The innermost of these (file, line) that is the project's."""
    for name, line in frames:
        # "<frozen os>" is no file.
        if name.startswith("<"):
            continue
        if os.path.realpath(name).startswith(FOLDER + os.sep) and os.sep + "site-packages" + os.sep not in name:
            return "%s:%d" % (os.path.relpath(os.path.realpath(name), FOLDER), line)
    return None


def callers():
    frame = sys._getframe(2)
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back


class Watched(type(os.environ)):
    """Remembers which variables the project looks for, where, and whether they are there."""

    def __getitem__(self, key):
        there = True
        try:
            return super().__getitem__(key)
        except KeyError:
            there = False
            raise
        finally:
            where = place(callers())
            if where is not None and isinstance(key, str):
                ANSWER["reads"].append([key, there, where])


os.environ.__class__ = Watched


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def absent_fields(error):
    """pydantic says all that is missing at once."""
    try:
        found = error.errors() if callable(getattr(error, "errors", None)) else []
        return [str(e["loc"][0]).upper() for e in found if "missing" in e.get("type", "")]
    except Exception:
        return []


def lines_of(error):
    """Where an exception and those behind it come from, the innermost first; a file that is no Python has its own line."""
    for one in chain(error):
        if isinstance(one, SyntaxError) and one.filename:
            yield one.filename, one.lineno or 1
        for frame in reversed(traceback.extract_tb(one.__traceback__)):
            yield frame.filename, frame.lineno


def describe(error):
    said = [str(e) for e in chain(error)]
    where = place(lines_of(error))
    missed = [(name, at) for name, there, at in ANSWER["reads"] if not there]
    named = [name for name, _ in missed if any(name in text for text in said)]
    beside = [name for name, at in missed if at == where]
    fields = [name for e in chain(error) for name in absent_fields(e)]
    given = [name for name, _, at in ANSWER["reads"] if name in REQUEST["given"] and (at == where)]
    said_given = [name for name in REQUEST["given"] if any(name in text for text in said)]
    return {
        "type": type(error).__name__,
        "message": said[0][:600],
        "where": where,
        "module": next((e.name for e in chain(error) if isinstance(e, ModuleNotFoundError)), None),
        "missing": fields or named[-1:] or beside[-1:],
        # A stand-in that the project cannot read, such as text where it wants a number.
        "unfit": (said_given or given or [None])[-1],
        "lines": traceback.format_exception(type(error), error, error.__traceback__)[-6:],
    }


def text(value):
    return None if value is None else str(value)


def setting(settings, name, default=None):
    try:
        return getattr(settings, name, default)
    except Exception:
        return default


def secret(settings):
    """How the key came about, never the key itself."""
    key = setting(settings, "SECRET_KEY")
    if not key:
        return {"kind": "empty"}
    from_variable = [n for n in REQUEST["given"] if len(os.environ.get(n, "")) > 8 and os.environ[n] in str(key)]
    if from_variable:
        return {"kind": "variable", "variable": from_variable[0]}
    return {"kind": "own", "sha256": hashlib.sha256(str(key).encode()).hexdigest()}


def places(settings):
    """Settings that are paths in the project, as Python names them: [expression, path, its kind]."""
    found = []

    def look(value, name, depth):
        if isinstance(value, dict) and depth < 6:
            for key, one in value.items():
                if isinstance(key, str):
                    look(one, "%s[%s]" % (name, json.dumps(key)), depth + 1)
        elif isinstance(value, list) and depth < 6:
            for index, one in enumerate(value):
                look(one, "%s[%d]" % (name, index), depth + 1)
        elif isinstance(value, (str, os.PathLike)):
            said = os.fspath(value)
            if not isinstance(said, str) or not said or "\0" in said or len(said) > 1000:
                return
            whole = os.path.realpath(os.path.join(FOLDER, said))
            if whole.startswith(FOLDER + os.sep) and (os.path.isabs(said) or os.path.exists(whole)):
                kind = "path" if not isinstance(value, str) else "text" if os.path.isabs(said) else "relative"
                found.append([name, os.path.relpath(whole, FOLDER).replace(os.sep, "/"), kind])

    for name in dir(settings):
        if name.isupper():
            look(setting(settings, name), name, 0)
    return found


def storage(settings, alias, old):
    stores = setting(settings, "STORAGES") or {}
    return text((stores.get(alias) or {}).get("BACKEND") or setting(settings, old))


def facts(settings):
    import django

    databases = {
        alias: {"engine": text(d.get("ENGINE")), "name": text(d.get("NAME")), "host": text(d.get("HOST"))}
        for alias, d in (setting(settings, "DATABASES") or {}).items()
        if isinstance(d, dict)
    }
    handlers = (setting(settings, "LOGGING") or {}).get("handlers") or {}
    caches = setting(settings, "CACHES") or {}
    apps = [str(a) for a in setting(settings, "INSTALLED_APPS") or []]
    return {
        "django": django.get_version(),
        "djangoAt": os.path.dirname(django.__file__),
        "module": text(setting(settings, "SETTINGS_MODULE")),
        "debug": bool(setting(settings, "DEBUG")),
        "hosts": [text(h) for h in setting(settings, "ALLOWED_HOSTS") or []],
        "origins": [text(o) for o in setting(settings, "CSRF_TRUSTED_ORIGINS") or []],
        "proxyHeader": bool(setting(settings, "SECURE_PROXY_SSL_HEADER")),
        "secret": secret(settings),
        "databases": databases,
        "apps": apps,
        "middleware": [str(m) for m in setting(settings, "MIDDLEWARE") or []],
        "wsgi": text(setting(settings, "WSGI_APPLICATION")),
        "asgi": text(setting(settings, "ASGI_APPLICATION")),
        "urls": text(setting(settings, "ROOT_URLCONF")),
        "login": text(setting(settings, "LOGIN_URL")),
        "timeZone": text(setting(settings, "TIME_ZONE")),
        "staticUrl": text(setting(settings, "STATIC_URL")),
        "staticRoot": text(setting(settings, "STATIC_ROOT")) or None,
        "staticStorage": storage(settings, "staticfiles", "STATICFILES_STORAGE"),
        "mediaUrl": text(setting(settings, "MEDIA_URL")),
        "mediaRoot": text(setting(settings, "MEDIA_ROOT")) or None,
        "mediaStorage": storage(settings, "default", "DEFAULT_FILE_STORAGE"),
        "logFiles": [str(h["filename"]) for h in handlers.values() if isinstance(h, dict) and h.get("filename")],
        "caches": [text(c.get("BACKEND")) for c in caches.values() if isinstance(c, dict)],
        "logs": bool(setting(settings, "LOGGING")),
        "cacheTables": [
            text(c.get("LOCATION")) for c in caches.values() if "DatabaseCache" in str(c.get("BACKEND"))
        ],
    }


def load():
    if REQUEST["wsgi"] is not None:
        module, name = REQUEST["wsgi"].split(":")
        __import__(module)
        getattr(sys.modules[module], name)
    import django
    from django.conf import settings

    ANSWER["django"] = django.get_version()
    settings.INSTALLED_APPS
    ANSWER["facts"] = facts(settings)
    save()
    if REQUEST.get("plain"):
        plain_static_files(settings)
    django.setup()
    ANSWER["paths"] = places(settings)


def plain_static_files(settings):
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    if hasattr(settings, "STORAGES"):
        settings.STORAGES = dict(settings.STORAGES, staticfiles={"BACKEND": backend})
    else:
        settings.STATICFILES_STORAGE = backend


def models():
    from django.apps import apps
    from django.db.models import FileField

    ANSWER["fileFields"] = [
        "%s.%s" % (model._meta.label, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, FileField)
    ][:20]


def checks():
    """What `manage.py check --deploy` says, but of what is left open or asks a database."""
    from django.core.checks import run_checks

    ANSWER["checks"] = [
        [str(m.id or ""), int(m.level), str(m.msg)[:600], str(m.hint or "")[:600], str(m.obj or "")[:200]]
        for m in run_checks(include_deployment_checks=True)
        if not m.is_silenced()
    ][:100]


def migrate():
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    for table in ANSWER["facts"]["cacheTables"]:
        call_command("createcachetable", verbosity=0)


def named_modules():
    """What the project's sources import and its settings name, and what drives its databases."""
    found = {"django", "psycopg", "psycopg2", "MySQLdb"} & set(sys.modules)
    for folder, _, names in os.walk(FOLDER):
        for name in names:
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as source:
                    text = source.read().decode("utf-8", "replace")
                found.update(re.findall(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", text, re.MULTILINE))
    settings = ANSWER["facts"]
    found.update(str(name).split(".")[0] for name in settings["apps"] + settings["middleware"])
    return found


def packages():
    """What the project uses of what is installed, as "name version", without what that brings along itself."""
    from importlib import metadata

    used, brought, named = {}, set(), named_modules()
    for dist in metadata.distributions():
        name = (dist.metadata["Name"] or "").lower().replace("_", "-")
        tops = (dist.read_text("top_level.txt") or "").split() or {str(f).split("/")[0] for f in dist.files or []}
        if not name or not any(top.replace(".py", "") in named for top in tops):
            continue
        used[name] = "%s %s" % (dist.metadata["Name"], dist.version)
        for line in dist.requires or []:
            wanted = line.split(";")[0].strip()
            end = next((i for i, c in enumerate(wanted) if not (c.isalnum() or c in "-_.")), len(wanted))
            brought.add(wanted[:end].lower().replace("_", "-"))
    ANSWER["packages"] = sorted(v for k, v in used.items() if k not in brought and k not in ("pip", "setuptools", "wheel"))


def collectstatic():
    from django.core.management import call_command

    call_command("collectstatic", interactive=False, verbosity=0)


def elsewhere(location, host):
    """The path on this site that a redirect leads to."""
    if location is None:
        return None
    path = location.split(host, 1)[1] if "://" in location and host in location else location
    return path if path.startswith("/") and not path.startswith("//") else None


def visit():
    from django.test import Client

    host = REQUEST["visit"]["host"]
    client = Client(raise_request_exception=False)
    ANSWER["visits"] = {}
    paths = list(REQUEST["visit"]["paths"])
    for path in paths:
        try:
            answer = client.get(path, secure=True, HTTP_HOST=host)
            error = getattr(answer, "exc_info", None)
            ANSWER["visits"][path] = {
                "status": answer.status_code,
                "location": answer.get("Location") if hasattr(answer, "get") else None,
                "error": None if error is None else describe(error[1]),
            }
            to = elsewhere(ANSWER["visits"][path]["location"], host)
            if to is not None and to not in paths and len(paths) < 40:
                paths.append(to)
        except Exception as failure:
            ANSWER["visits"][path] = {"status": 500, "location": None, "error": describe(failure)}
        save()


def main():
    sys.path[:0] = REQUEST["path"]
    os.chdir(FOLDER)
    parts = {
        "models": models,
        "packages": packages,
        "checks": checks,
        "migrate": migrate,
        "collectstatic": collectstatic,
        "visit": visit,
    }
    for name, part in [("load", load)] + [(n, parts[n]) for n in REQUEST["do"]]:
        try:
            part()
            ANSWER["done"].append(name)
        except BaseException as error:
            ANSWER.setdefault("errors", {})[name] = describe(error)
            if name == "load":
                break
        save()
    save()


main()
sys.stdout.flush()
# What the project started besides, such as threads, is not waited for.
os._exit(0)
