/**
 * gunicorn's settings for every app. A project's own gunicorn.conf.py stays in force, as without everspot, but for what
 * cannot work under systemd and behind nginx; gunicorn itself lets its command line, which has the socket, the number of
 * workers and the timeout, outweigh both (gunicorn documentation, "Configuration Overview").
 *
 * Each worker does three things besides, once it has loaded the app, none of which may harm it. It fills in REMOTE_ADDR,
 * which gunicorn leaves empty on a Unix socket, with the visitor whom nginx names. It has nginx pass on text that the
 * app streams as it comes, which would wait to be compressed otherwise. And it says what its Django holds of DEBUG and
 * SECRET_KEY; see worker-facts.ts.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { FACTS_OF } from "./worker-facts.ts";

/** Read from the working directory, which is the release. */
const OWN = "gunicorn.conf.py";

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
`;

/** Whatever names the project's own file has. */
const hooks = `
def everspot(theirs):
    import glob, hmac, json, os, sys
    folder = os.environ.get("RUNTIME_DIRECTORY", "")
    # The master's: its workers' keys can be told apart, and no key can be told from what they say.
    salt = os.urandom(16)

    def fill(worker):
        # Not in workers of other servers, whose apps are none of WSGI.
        if not type(worker).__module__.startswith("gunicorn.workers."):
            return
        app = worker.wsgi
        def application(environ, start_response):
            if not environ.get("REMOTE_ADDR"):
                environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "")
            return app(environ, start_response)
        worker.wsgi = application

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
