/**
 * gunicorn's settings for every app. A project's own gunicorn.conf.py stays in force, as without everspot, but for what
 * cannot work under systemd and behind nginx; gunicorn itself lets its command line, which has the socket, the number of
 * workers and the timeout, outweigh both (gunicorn documentation, "Configuration Overview").
 *
 * An ASGI application is run by uvicorn's worker class, which is a package of its own by now (uvicorn-worker), and part of
 * older uvicorns. It ends WebSockets (close code 1012) as soon as it is asked to stop; a stream of events counts as a
 * request, which may come to its end.
 *
 * Each worker does three things besides, once it has loaded the app, none of which may harm it. It fills in who asked, and
 * how, as nginx says it: a Unix socket has no address. It has nginx pass on text that the app streams as it comes, which
 * would wait to be compressed otherwise. And it says what its Django holds of DEBUG and SECRET_KEY; see worker-facts.ts.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { FACTS_OF } from "./worker-facts.ts";

/** Read from the working directory, which is the release. */
const OWN = "gunicorn.conf.py";

/** Seconds in which requests may end when an app stops; gunicorn's own is 30. */
const GRACE_SECONDS = 28;

const settings = `import os
if os.path.exists(${JSON.stringify(OWN)}):
    __file__ = os.path.abspath(${JSON.stringify(OWN)})
    with open(__file__, "rb") as own:
        exec(compile(own.read(), __file__, "exec"), globals())
# systemd watches the process that it started, and nginx knows one socket, without TLS.
daemon = False
reuse_port = False
certfile = keyfile = pidfile = None
for name in ("bind", "user", "group"):
    globals().pop(name, None)
# Of another machine, such as a container.
if not __import__("os").path.isdir(globals().get("chdir") or "."):
    del chdir

def everspot_workers(settings):
    import importlib, inspect, os
    settings.setdefault("threads", int(os.environ.get("EVERSPOT_THREADS", "1")))
    if not os.environ.get("EVERSPOT_ASGI") or "worker_class" in settings:
        return
    for name in ("uvicorn_worker", "uvicorn.workers"):
        try:
            module = importlib.import_module(name)
            config = importlib.import_module("uvicorn").Config
        except ImportError:
            continue
        # Less than gunicorn's graceful_timeout, so that what does not end is cut off in order.
        if "timeout_graceful_shutdown" in inspect.signature(config).parameters:
            module.UvicornWorker.CONFIG_KWARGS["timeout_graceful_shutdown"] = ${GRACE_SECONDS}
        settings["worker_class"] = name + ".UvicornWorker"
        return
    raise ImportError("neither uvicorn-worker nor a uvicorn that has its worker is there: add uvicorn-worker to the project's dependencies")

everspot_workers(globals())
`;

/** Whatever names the project's own file has. */
const hooks = `
def everspot(theirs):
    import glob, hmac, json, os, sys
    folder = os.environ.get("RUNTIME_DIRECTORY", "")
    # The master's: its workers' keys can be distinguished, and no key can be derived from what they say.
    salt = os.urandom(16)

    def fill(worker):
        app = worker.wsgi
        if os.environ.get("EVERSPOT_ASGI"):
            worker.wsgi = asgi(app)
            return
        # Not in workers of other servers, whose apps are none of WSGI.
        if not type(worker).__module__.startswith("gunicorn.workers."):
            return
        def application(environ, start_response):
            if not environ.get("REMOTE_ADDR"):
                environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "")
            return app(environ, start_response)
        worker.wsgi = application

    def asgi(app):
        async def application(scope, receive, send):
            if scope["type"] not in ("http", "websocket"):
                return await app(scope, receive, send)
            given = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"x-forwarded-for", b"x-forwarded-proto")}
            scope = dict(scope)
            if not scope.get("client") and given.get(b"x-forwarded-for"):
                scope["client"] = (given[b"x-forwarded-for"], 0)
            if given.get(b"x-forwarded-proto") == "https":
                scope["scheme"] = "https" if scope["type"] == "http" else "wss"
            async def answer(message):
                if message["type"] == "http.response.start":
                    headers = list(message.get("headers", ()))
                    names = {bytes(name).lower(): bytes(value) for name, value in headers}
                    if names.get(b"content-type", b"").startswith(b"text/") and b"content-length" not in names:
                        message = {**message, "headers": [*headers, (b"x-accel-buffering", b"no")]}
                await send(message)
            await app(scope, receive, answer)
        return application

    def stream():
        django = sys.modules.get("django.core.handlers.wsgi")
        if django is None:
            return
        before = django.WSGIHandler.get_response
        def get_response(self, request):
            response = before(self, request)
            text = str(response.get("Content-Type", "")).startswith("text/")
            if response.streaming and text and not response.has_header("Content-Length"):
                response["X-Accel-Buffering"] = "no"
            return response
        django.WSGIHandler.get_response = get_response

    def source_of(key):
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None) or ""
            if not file.startswith(os.getcwd() + "/") or "/.everspot/" in file or getattr(module, "SECRET_KEY", None) != key:
                continue
            with open(file, encoding="utf-8", errors="replace") as source:
                if key in source.read():
                    return os.path.relpath(file)

    def tell():
        if not folder:
            return
        django = sys.modules.get("django.conf")
        facts = {}
        if django is not None and django.settings.configured:
            key = django.settings.SECRET_KEY
            text = key.decode("latin-1") if isinstance(key, bytes) else str(key)
            facts = {
                "debug": bool(django.settings.DEBUG),
                "key": hmac.new(salt, text.encode("utf-8", "replace"), "sha256").hexdigest()[:16],
                "insecure": text.startswith("django-insecure-"),
                "source": source_of(key),
                "settings": os.environ.get("DJANGO_SETTINGS_MODULE"),
            }
        name = os.path.join(folder, ${JSON.stringify(FACTS_OF)} % os.getpid())
        with open(name + ".part", "w") as out:
            json.dump(facts, out)
        os.rename(name + ".part", name)

    def post_worker_init(worker):
        if theirs is not None:
            theirs(worker)
        for one in (lambda: fill(worker), stream, tell):
            try:
                one()
            except Exception as error:
                worker.log.warning("everspot: %s", error)

    for old in glob.glob(os.path.join(folder, ${JSON.stringify(FACTS_OF.replace("%d", "*"))})):
        os.remove(old)
    return post_worker_init

post_worker_init = everspot(globals().get("post_worker_init"))
`;

export const gunicornConfig = settings + hooks;

/** The file of a release that is in force besides, if there is one. */
export const ownGunicornConfig = (folder: string): Promise<string | undefined> =>
  stat(join(folder, OWN)).then(
    () => OWN,
    () => undefined,
  );
