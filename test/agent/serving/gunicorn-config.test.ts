import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { gunicornConfig, ownGunicornConfig } from "../../../agent/serving/gunicorn-config.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "everspot-gunicorn-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What gunicorn reads of it, which takes every name of a module for a setting. */
function settings(): Record<string, unknown> {
  const script = `import json, sys
names = {"__name__": "__config__"}
exec(sys.stdin.read(), names)
print(json.dumps({k: v for k, v in names.items() if isinstance(v, (str, int, bool, type(None)))}))`;
  return JSON.parse(
    execFileSync("python3", ["-c", script], { cwd: folder, input: gunicornConfig, encoding: "utf8" }),
  ) as Record<string, unknown>;
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
threads = 4
def count(): return os.cpu_count() and threads
backlog = count()
where = __file__
`,
  );
  const read = settings();
  expect(read).toMatchObject({ threads: 4, backlog: 4, where: join(folder, "gunicorn.conf.py") });
  expect(read).toMatchObject({ daemon: false, reuse_port: false, pidfile: null, certfile: null });
  expect(Object.keys(read)).not.toContain("bind");
  expect(Object.keys(read)).not.toContain("user");
  expect(await ownGunicornConfig(folder)).toBe("gunicorn.conf.py");
});

test("without any, gunicorn's own count", async () => {
  expect(settings()).toMatchObject({ daemon: false });
  expect(await ownGunicornConfig(folder)).toBeUndefined();
});
