import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { appEnvironment, prepareScript } from "../../../agent/serving/app-environment.ts";
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
    const config = bootConfigOf({ app: { env: { A: "config", B: "config", EVERSPOT_WORKERS: "99" } } });
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

describe("before_start", () => {
  const run = (commands: (string | string[])[]) =>
    execFileSync("sh", ["-c", `${prepareScript(commands)}`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  test("shows and runs each command, in one shell", () => {
    expect(run(["X=1", 'echo "it\'s $X"'])).toBe("+ X=1\n+ echo \"it's $X\"\nit's 1\n");
  });
  test("stops at the first that fails", () => {
    expect(() => run(["false", "echo never"])).toThrow();
    try {
      run(["echo one", "false", "echo never"]);
    } catch (error) {
      expect((error as { stdout: string }).stdout).toBe("+ echo one\none\n+ false\n");
    }
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
  test("of several at a time, shows the one that failed last and ends as it did", () => {
    const failed = (() => {
      try {
        return run([["echo one; exit 3", "echo two >&2", "X=1; echo three"], "echo never"]);
      } catch (error) {
        return error as { stdout: string; status: number };
      }
    })();
    expect(failed).toMatchObject({
      status: 3,
      stdout: "+ echo two >&2\ntwo\n+ X=1; echo three\nthree\n+ echo one; exit 3\none\n",
    });
  });
});
