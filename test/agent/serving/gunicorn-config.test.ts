import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { gunicornConfig, ownGunicornConfig } from "../../../agent/serving/gunicorn-config.ts";
import { readFacts } from "../../../agent/serving/worker-facts.ts";
import { onePython } from "../../one-python.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "everspot-gunicorn-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Each script runs in a process of its own, forked from this one: what it does to Python's modules ends with it. */
const python = onePython(`import asyncio, os, traceback, types
for folder, config, script in lines:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    try:
        os.chdir(folder)
        exec(script, {"__name__": "__main__", "config": config})
    except BaseException:
        say({"failed": traceback.format_exc()})
    sys.stdout.flush()
    os._exit(0)`);

/** @returns what the script printed. Its `config` is gunicorn's configuration. */
async function run(script: string): Promise<unknown> {
  const said = await python([folder, gunicornConfig, script]);
  if (typeof said === "object" && said !== null && "failed" in said) throw new Error(String(said.failed));
  return said;
}

/** What gunicorn reads of it, which takes every name of a module for a setting. */
async function settings(): Promise<Record<string, unknown>> {
  const script = `import json
names = {"__name__": "__config__"}
exec(config, names)
print(json.dumps({k: v for k, v in names.items() if isinstance(v, (str, int, bool, type(None)))}))`;
  return (await run(script)) as Record<string, unknown>;
}

test("a project's own settings count, but for those that cannot work here", async () => {
  writeFileSync(
    join(folder, "gunicorn.conf.py"),
    `import os
bind = "0.0.0.0:8000"
daemon = reuse_port = True
user = "nobody"
pidfile = "/var/run/app.pid"
certfile = "cert.pem"
chdir = "/app-of-a-container"
threads = 4
def count(): return os.cpu_count() and threads
backlog = count()
where = __file__
`,
  );
  const read = await settings();
  expect(read).toMatchObject({ threads: 4, backlog: 4, where: join(folder, "gunicorn.conf.py") });
  expect(read).toMatchObject({ daemon: false, reuse_port: false, pidfile: null, certfile: null });
  expect(Object.keys(read)).not.toContain("bind");
  expect(Object.keys(read)).not.toContain("user");
  expect(await ownGunicornConfig(folder)).toBe("gunicorn.conf.py");
  expect(Object.keys(read)).not.toContain("chdir");
  writeFileSync(join(folder, "gunicorn.conf.py"), 'chdir = "."\n');
  expect((await settings()).chdir).toBe(".");
});

test("without any, gunicorn's own count", async () => {
  expect(await settings()).toMatchObject({ daemon: false });
  expect(await ownGunicornConfig(folder)).toBeUndefined();
});

/** gunicorn's part in a worker's life, with a Django as far as it is asked here. @returns what the script printed. */
function inWorker(script: string, own = ""): Promise<unknown> {
  writeFileSync(join(folder, "gunicorn.conf.py"), own);
  writeFileSync(join(folder, "mysite_settings.py"), 'SECRET_KEY = "django-insecure-abc"\n');
  return run(`import json, os, sys, types
sys.path.insert(0, os.getcwd())
os.environ["RUNTIME_DIRECTORY"] = os.getcwd()
import mysite_settings
def module(name, **names):
    sys.modules[name] = types.SimpleNamespace(**names)
class Response(dict):
    has_header = dict.__contains__
    streaming = True
class WSGIHandler:
    def get_response(self, request):
        return request
module("django.conf", settings=types.SimpleNamespace(configured=True, SECRET_KEY=mysite_settings.SECRET_KEY, DEBUG=True))
module("django.core.handlers.wsgi", WSGIHandler=WSGIHandler)
class Worker:
    __module__ = "gunicorn.workers.sync"
    log = types.SimpleNamespace(warning=lambda *said: print(*said, file=sys.stderr))
    def wsgi(self, environ, start_response):
        return environ
def load():
    names = {"__name__": "__config__"}
    exec(config, names)
    return names["post_worker_init"]
${script}`);
}

test("an app learns who asked, whose address a Unix socket does not have", async () => {
  const script = `
worker = Worker()
load()(worker)
asked = {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}
other = type("Other", (Worker,), {"__module__": "uvicorn.workers"})()
load()(other)
print(json.dumps([worker.wsgi({"REMOTE_ADDR": "", **asked}, None)["REMOTE_ADDR"],
  worker.wsgi({"REMOTE_ADDR": "10.0.0.1", **asked}, None)["REMOTE_ADDR"],
  worker.wsgi({}, None)["REMOTE_ADDR"], other.wsgi({"REMOTE_ADDR": "", **asked}, None)["REMOTE_ADDR"]]))`;
  expect(await inWorker(script)).toEqual(["203.0.113.9", "10.0.0.1", "", ""]);
});

test("text that is streamed is passed on as it comes; what is whole, or has a length, is not", async () => {
  const script = `
load()(Worker())
whole = Response({"Content-Type": "text/html"})
whole.streaming = False
answers = [Response({"Content-Type": "text/html; charset=utf-8"}), whole,
  Response({"Content-Type": "text/csv", "Content-Length": "9"}), Response({"Content-Type": "video/mp4"})]
print(json.dumps([WSGIHandler().get_response(a).get("X-Accel-Buffering") for a in answers]))`;
  expect(await inWorker(script)).toEqual(["no", null, null, null]);
});

test("a worker says what its Django holds, and nothing from which its key could be told", async () => {
  writeFileSync(join(folder, "worker-1.json"), "of an earlier start");
  const own = `def post_worker_init(worker):\n    worker.theirs = True\njson = os = None\n`;
  const [theirs, pid] = (await inWorker(
    "os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.live'\nworker = Worker()\nload()(worker)\nprint(json.dumps([worker.theirs, os.getpid()]))",
    own,
  )) as [boolean, number];
  expect(theirs).toBe(true);
  const facts = await readFacts(folder);
  expect(facts).toEqual([
    {
      debug: true,
      key: expect.stringMatching(/^[0-9a-f]{16}$/),
      insecure: true,
      source: "mysite_settings.py",
      settings: "mysite.live",
    },
  ]);
  expect(readdirSync(folder).filter((name) => name.startsWith("worker-"))).toEqual([`worker-${pid}.json`]);
  const [again] = await (async () => {
    await inWorker("load()(Worker())\nprint(1)");
    return readFacts(folder);
  })();
  expect(again?.key).not.toBe(facts[0]?.key);
});

test("two workers of one start say the same of the same key", async () => {
  const script = `
hook = load()
def said(key):
    sys.modules["django.conf"].settings.SECRET_KEY = key
    hook(Worker())
    with open("worker-%d.json" % os.getpid()) as file:
        return json.load(file)["key"]
a, b, c = said("a"), said("a"), said("b")
print(json.dumps([a == b, a == c]))`;
  expect(await inWorker(script)).toEqual([true, false]);
});

/** An ASGI application in a worker of uvicorn's, asked once. @returns what it was asked, and what it answered. */
const asked = (scope: object, answer: object) =>
  inWorker(`
import asyncio
os.environ["EVERSPOT_ASGI"] = "1"
module("uvicorn", Config=type("Config", (), {}))
module("uvicorn_worker", UvicornWorker=type("UvicornWorker", (), {"CONFIG_KWARGS": {}}))
seen, sent = [], []
async def app(scope, receive, send):
    seen.append([scope["scheme"], scope.get("client")])
    await send({"type": "http.response.start", "status": 200, "headers": [(n.encode(), v.encode()) for n, v in ${JSON.stringify(answer)}.items()]})
async def send(message):
    sent.extend([n.decode(), v.decode()] for n, v in message["headers"])
worker = Worker()
worker.wsgi = app
load()(worker)
headers = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
asyncio.run(worker.wsgi({"scheme": "http", "client": None, "headers": headers, **${JSON.stringify(scope)}}, None, send))
print(json.dumps([*seen[0], dict(sent).get("x-accel-buffering")]))`);

test("an ASGI app learns who asked and how; text that it streams is passed on as it comes", async () => {
  const visitor = ["203.0.113.9", 0];
  expect(await asked({ type: "http" }, { "Content-Type": "text/event-stream" })).toEqual([
    "https",
    visitor,
    "no",
  ]);
  expect(await asked({ type: "http" }, { "content-type": "text/html", "content-length": "9" })).toEqual([
    ...["https", visitor, null],
  ]);
  expect(await asked({ type: "http" }, { "content-type": "video/mp4" })).toEqual(["https", visitor, null]);
  expect(await asked({ type: "websocket", scheme: "ws", client: ["10.0.0.1", 5] }, {})).toEqual([
    ...["wss", ["10.0.0.1", 5], null],
  ]);
});

test("uvicorn's worker runs an ASGI app, of the package of that name or of uvicorn itself; none is an error", async () => {
  const chosen = (modules: string) =>
    inWorker(`
os.environ["EVERSPOT_ASGI"] = "1"
os.environ["EVERSPOT_THREADS"] = "3"
class Old: pass
class New:
    def __init__(self, timeout_graceful_shutdown=None): pass
def kept(): return type("UvicornWorker", (), {"CONFIG_KWARGS": {}})
${modules}
names = {"__name__": "__config__"}
try:
    exec(config, names)
except ImportError as error:
    names["worker_class"] = str(error)
worker = sys.modules.get("uvicorn_worker") or sys.modules.get("uvicorn.workers")
print(json.dumps([names["worker_class"], names["threads"], worker and worker.UvicornWorker.CONFIG_KWARGS]))`);
  const own = 'module("uvicorn", Config=New)\nmodule("uvicorn_worker", UvicornWorker=kept())';
  const old = 'module("uvicorn", __path__=[], Config=Old)\nmodule("uvicorn.workers", UvicornWorker=kept())';
  expect(await chosen(own)).toEqual(["uvicorn_worker.UvicornWorker", 3, { timeout_graceful_shutdown: 28 }]);
  expect(await chosen(old)).toEqual(["uvicorn.workers.UvicornWorker", 3, {}]);
  expect(await chosen("")).toEqual([
    ...[expect.stringContaining("add uvicorn-worker to the project's dependencies"), 3, null],
  ]);
});
