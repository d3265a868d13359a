import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { appEnvironment, prepareScript } from "../../../agent/serving/app-environment.ts";
import { timesOf, writersOf } from "../../../agent/serving/last-words.ts";
import { renderEnvironment } from "../../../agent/system/environment-file.ts";
import { bootConfigOf } from "../boot-config.ts";

describe("an environment file", () => {
  test("escapes what systemd reads specially", () => {
    expect(renderEnvironment({ A: "plain", B: 'q"uo`te\\$x', C: "two\nlines\tand tab", D: "" })).toBe(
      'A="plain"\nB="q\\"uo\\`te\\\\\\$x"\nC="two\nlines\tand tab"\nD=""\n',
    );
  });
  test("refuses names and values systemd would drop, without showing the value", () => {
    expect(() => renderEnvironment({ "A-B": "x" })).toThrow('"A-B" cannot be the name');
    expect(() => renderEnvironment({ KEY: "se\rcret" })).toThrow("the value of KEY has control characters");
    expect(() => renderEnvironment({ KEY: "se\rcret" })).not.toThrow(/cret/);
  });
  test("secrets outweigh [app.env]; what the unit needs outweighs both", () => {
    const env = { A: "config", B: "config", EVERSPOT_WORKERS: "99" };
    const config = bootConfigOf({ app: { env } });
    const text = appEnvironment(config, "r1", "/r/r1", {
      B: "secret",
      PYTHONPATH: "/evil",
      EVERSPOT_NOTIFY_SECRET: "the agent's",
    });
    expect(text).toContain('A="config"');
    expect(text).toContain('B="secret"');
    expect(text).toContain('PYTHONPATH="/r/r1/.everspot/python:/r/r1"');
    expect(text).toContain(`EVERSPOT_WORKERS="${config.app.workers}"`);
    expect(text).toContain('EVERSPOT_RELEASE="r1"');
    expect(text).not.toContain("evil");
    expect(text).not.toContain("NOTIFY");
  });
});

test("$STATE_DIRECTORY in [app.env] is the folder that systemd names so; in secrets it is what it is", () => {
  const env = {
    DATABASE_URL: "sqlite:///$STATE_DIRECTORY/db.sqlite3",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as someone writes it in everspot.toml
    MEDIA: "${STATE_DIRECTORY}/media",
    OTHER: "$STATE_DIRECTORYS",
  };
  const text = appEnvironment(bootConfigOf({ app: { env } }), "r1", "/r/r1", { KEY: "$STATE_DIRECTORY" });
  expect(text).toContain('DATABASE_URL="sqlite:////var/lib/everspot-app/db.sqlite3"\n');
  expect(text).toContain('MEDIA="/var/lib/everspot-app/media"\n');
  expect(text).toContain('OTHER="\\$STATE_DIRECTORYS"\n');
  expect(text).toContain('KEY="\\$STATE_DIRECTORY"\n');
});

test("a PYTHONPATH in [app.env] is added to the release's own; src is on it for packaged projects", () => {
  const env = { PYTHONPATH: "apps:/opt/x:$STATE_DIRECTORY/y" };
  const config = bootConfigOf({ app: { env } });
  expect(appEnvironment(config, "r1", "/r/r1", {}, { source: true })).toContain(
    'PYTHONPATH="/r/r1/.everspot/python:/r/r1:/r/r1/src:/r/r1/apps:/opt/x:/var/lib/everspot-app/y"\n',
  );
});

test("an ASGI application is named as one; gunicorn waits as long as the most patient path", () => {
  const { wsgi: _, ...app } = bootConfigOf().app;
  const asgi = "project.asgi:application";
  const paths = { "/upload/": { timeout: 300 }, "/x/": { max_body: 5 } };
  const text = appEnvironment(
    { ...bootConfigOf(), app: { ...app, asgi, threads: 4, paths } },
    "r1",
    "/r/r1",
    {},
  );
  expect(text).toContain('EVERSPOT_APP="project.asgi:application"\nEVERSPOT_ASGI="1"\n');
  expect(text).toContain('EVERSPOT_THREADS="4"\nEVERSPOT_TIMEOUT="300"\n');
  expect(appEnvironment(bootConfigOf(), "r1", "/r/r1", {})).not.toContain("EVERSPOT_ASGI");
});

test("where each answer waits for S3, a worker answers others meanwhile", () => {
  const base = bootConfigOf();
  const state = {
    database: ["db.sqlite3"],
    mediaUrl: "/media/",
    durability: "s3" as const,
    history: "7d",
    budget: 1,
    pause: 10,
  };
  const threads = (config: typeof base) =>
    /EVERSPOT_THREADS="(\d+)"/.exec(appEnvironment(config, "r1", "/r/r1", {}))?.[1];
  expect(threads(base)).toBe("1");
  expect(threads({ ...base, state: { ...state, durability: "fast" } })).toBe("1");
  expect(threads({ ...base, state })).toBe("4");
  expect(threads({ ...base, state, app: { ...base.app, threads: 2 } })).toBe("2");
});

describe("before_start", () => {
  const runTimed = (commands: (string | string[])[]) =>
    execFileSync("sh", ["-c", `${prepareScript(commands)}`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const untimed = (said: string) => said.replace(/^= \d+\.\d{3} s: .*\n/gm, "");
  const run = (commands: (string | string[])[]) => untimed(runTimed(commands));
  test("shows and runs each command, in one shell", () => {
    expect(run(["X=1", 'echo "it\'s $X"'])).toBe("+ X=1\n+ echo \"it's $X\"\nit's 1\n");
  });
  test("stops at the first that fails", () => {
    expect(() => run(["false", "echo never"])).toThrow();
    try {
      run(["echo one", "false", "echo never"]);
    } catch (error) {
      expect(untimed((error as { stdout: string }).stdout)).toBe("+ echo one\none\n+ false\n");
    }
  });

  test("watched, it tells the last step that wrote something, and how long all took until then", () => {
    const folder = mkdtempSync(join(tmpdir(), "everspot-before-start-"));
    writeFileSync(join(folder, "db.sqlite3"), "data");
    const writers = (...commands: (string | string[])[]) => {
      const said = execFileSync("sh", ["-c", prepareScript(commands, { watched: true })], {
        encoding: "utf8",
        env: { ...process.env, STATE_DIRECTORY: folder },
      });
      return writersOf(said.split("\n"), commands.length);
    };
    // Whoever reads SQLite leaves an index, and an empty log.
    const reads =
      'cat "$STATE_DIRECTORY/db.sqlite3"; touch "$STATE_DIRECTORY/db.sqlite3-shm"; : >>"$STATE_DIRECTORY/db.sqlite3-wal"';
    const writes = 'printf more >>"$STATE_DIRECTORY/db.sqlite3"';
    const logs = 'printf frame >"$STATE_DIRECTORY/db.sqlite3-wal"';
    expect(writers(reads, "true")).toEqual({ steps: 0, seconds: 0 });
    expect(writers(reads, writes, "true", "true")).toMatchObject({ steps: 2 });
    expect(writers(logs, reads)).toMatchObject({ steps: 1 });
    expect(
      writers(reads, ["true", 'mkdir "$STATE_DIRECTORY/a"; touch "$STATE_DIRECTORY/a/b"'], "true"),
    ).toMatchObject({
      steps: 2,
    });
    expect(writers(writes, "sleep 0.3")?.seconds).toBeLessThan(0.3);
    // What is not known of each is not left out.
    expect(writersOf(["@ 0 1 2", "@ 5 1 2"], 2)).toBeUndefined();
    rmSync(folder, { recursive: true });
  });

  test("runs those in a list of their own at the same time, and goes on when all have ended", () => {
    const folder = mkdtempSync(join(tmpdir(), "everspot-before-start-"));
    const [there, back] = [join(folder, "there"), join(folder, "back")];
    execFileSync("mkfifo", [there, back]);
    // Each waits for the other.
    const said = run([
      [`echo ping >${there}; cat ${back}`, `cat ${there}; echo pong >${back}`],
      "echo after",
    ]);
    expect(said).toBe(
      `+ echo ping >${there}; cat ${back}\npong\n+ cat ${there}; echo pong >${back}\nping\n+ echo after\nafter\n`,
    );
    rmSync(folder, { recursive: true });
  });
  test("of several at a time, shows those that failed last and ends as the last of them did", () => {
    const failed = (() => {
      try {
        return run([["echo one; exit 4", "echo two >&2", "echo three; exit 3"], "echo never"]);
      } catch (error) {
        return error as { stdout: string; status: number };
      }
    })();
    if (typeof failed === "string") return expect.fail("it did not fail");
    expect(failed.status).toBe(3);
    expect(untimed(failed.stdout)).toBe(
      "+ echo two >&2\ntwo\n+ echo one; exit 4 (ended with 4)\none\n+ echo three; exit 3 (ended with 3)\nthree\n",
    );
  });

  test("tells how long each command took, as soon as it has ended", () => {
    const said = runTimed(["sleep 0.1", ["sleep 0.2", "echo 'it''s 50%'"]])
      .trimEnd()
      .split("\n");
    const times = timesOf(said);
    expect(times.map((t) => t.command)).toEqual(["sleep 0.1", "echo 'it''s 50%'", "sleep 0.2"]);
    expect(times[0]?.seconds).toBeGreaterThanOrEqual(0.1);
    expect(times[2]?.seconds).toBeGreaterThanOrEqual(0.2);
    // Before the output of those that ran at the same time.
    expect(said.findIndex((line) => line.startsWith("= ") && line.endsWith("sleep 0.2"))).toBeLessThan(
      said.indexOf("+ sleep 0.2"),
    );
  });
});
