import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { run } from "../../../provisioner/cli/program.ts";
import { fail } from "../../../provisioner/operator/fail.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

let folder: string;
let stdout: string[];
let stderr: string[];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-"));
  writeFileSync(path.join(folder, "everspot.toml"), MINIMAL);
  stdout = [];
  stderr = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => stdout.push(String(text)) > 0);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => stderr.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const nothing = () => {
  throw new Error("no tools are wanted here");
};
const everspot = (...args: string[]) => run(args, "1.2.3", nothing);
const config = () => ["--config", path.join(folder, "everspot.toml")];

describe("used wrongly, exit code 2", () => {
  test("an unknown command, with the one that was meant", async () => {
    expect(await everspot("plna")).toBe(2);
    expect(stderr.join("")).toContain("Did you mean plan?");
  });

  test("an unknown option, and one of the wrong form", async () => {
    expect(await everspot("up", "--yess")).toBe(2);
    expect(await everspot("up", "--timeout", "soon")).toBe(2);
    expect(stderr.join("")).toContain("must be a whole number of seconds, at least 1");
  });

  test("a configuration that is not there, or wrong", async () => {
    expect(await everspot("up", "--config", path.join(folder, "nothing.toml"))).toBe(2);
    writeFileSync(path.join(folder, "everspot.toml"), MINIMAL.replace("aliases", "alias"));
    expect(await everspot("up", ...config())).toBe(2);
    expect(stderr.join("")).toContain('alias: unknown key (did you mean "aliases"?)');
    expect(stderr.join("")).not.toMatch(/^\s+at /m);
  });

  test("a stage that is not there", async () => {
    expect(await everspot("status", ...config(), "--stage", "dev")).toBe(2);
  });
});

test("help and version are no failure", async () => {
  expect(await everspot("--version")).toBe(0);
  expect(await everspot("up", "--help")).toBe(0);
  expect(stdout.join("")).toMatch(/1\.2\.3[\s\S]*--no-wait/);
});

test("what no one expected is a bug, with its stack and exit code 1", async () => {
  expect(await everspot("status", ...config())).toBe(1);
  expect(stderr.join("")).toMatch(/bug: .*Please report[\s\S]*no tools are wanted here[\s\S]*\n\s+at /);
});

test("what many type when they mean down is down, never deploy", async () => {
  for (const name of ["destroy", "delete", "teardown"]) {
    stdout.length = 0;
    expect(await everspot(name, "--help")).toBe(0);
    expect(stdout.join("")).toContain("take the site down");
  }
  for (const [alias, says] of [
    ["ps", "which instance serves"],
    ["ssl", "which certificate is served"],
  ] as const) {
    stdout.length = 0;
    expect(await everspot(alias, "--help")).toBe(0);
    expect(stdout.join("")).toContain(says);
  }
});

test("commands are found in groups, with examples", async () => {
  expect(await everspot("--help")).toBe(0);
  expect(stdout.join("")).toMatch(
    /\nStart:\n {2}init[\s\S]*\nEvery day:\n[\s\S]*\nTrouble:\n[\s\S]*\nExamples:\n/,
  );
});

test("a shell is told how to complete commands and options", async () => {
  const said: string[] = [];
  vi.spyOn(console, "log").mockImplementation((text) => void said.push(String(text)));
  for (const shell of ["bash", "zsh"]) expect(await everspot("completion", shell)).toBe(0);
  expect(said.join("\n")).toMatch(/complete -F \w+ everspot[\s\S]*#compdef everspot/);
  said.length = 0;
  expect(await everspot("complete", "--", "roll")).toBe(0);
  expect(await everspot("complete", "--", "up", "--no-")).toBe(0);
  expect(said.join("\n")).toMatch(/^rollback\t[\s\S]*^--no-wait\t/m);
  expect(await everspot("completion", "tcsh")).toBe(2);
});

describe("with the local AWS", () => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await openDesk();
  });
  afterEach(async () => {
    await desk.close();
  });
  const site = (...args: string[]) =>
    run([...args, ...config()], "1.2.3", ({ json }) => ({
      ...desk.tools,
      terminal: createTerminal({ json }),
    }));

  test("--json gives one document on stdout, whatever happens; the rest goes to stderr", async () => {
    const command = async (...args: string[]) => {
      stdout.length = 0;
      const code = await site(...args, "--json");
      return { code, json: JSON.parse(stdout.join("")) as Record<string, unknown> };
    };
    expect(await command("plan")).toMatchObject({ code: 0, json: { command: "plan", site: "blog" } });
    expect(await command("up", "--yes", "--no-wait")).toMatchObject({ code: 0, json: { command: "up" } });
    expect(stderr.join("")).toContain("✓ create the VPC");
    expect(await command("status")).toMatchObject({ code: 0, json: { command: "status", exists: true } });
    expect(await command("down", "--yes")).toMatchObject({
      code: 0,
      json: { command: "down", leftovers: [] },
    });
    desk.cloud.route53.delegated(desk.zoneId, false);
    expect(await command("up", "--yes")).toMatchObject({
      code: 1,
      json: { error: { message: expect.stringContaining("delegated to other name servers") } },
    });
    expect(await command("plan")).toMatchObject({ code: 1, json: { findings: [{ level: "error" }] } });
  });

  test("what every command knows may stand before its name", async () => {
    const before = (...args: string[]) =>
      run([...config(), "--json", ...args], "1.2.3", ({ json }) => ({
        ...desk.tools,
        terminal: createTerminal({ json }),
      }));
    expect(await before("status")).toBe(0);
    expect(JSON.parse(stdout.join(""))).toMatchObject({ command: "status", site: "blog" });
    stdout.length = 0;
    expect(await before("secret", "list")).toBe(0);
    expect(JSON.parse(stdout.join(""))).toMatchObject({ command: "secret list" });
    expect(await before("--stage", "dev", "status")).toBe(2);
  });

  test("data has commands of its own, each with the same options", async () => {
    expect(await site("data", "--json")).toBe(0);
    expect(JSON.parse(stdout.join(""))).toMatchObject({ command: "data", exists: false });
    expect(await site("data", "pull", "--to", "soon")).toBe(2);
    expect(await site("data", "push", "--dry-run")).toBe(2);
    expect(stderr.join("")).toMatch(/"soon" is no moment[\s\S]*everspot.toml has no \[state\]/);
    expect(await site("data", "restore")).toBe(2);
    expect(await site("data", "follow")).toBe(2);
    expect(await site("data", "nothing")).toBe(2);
  });

  test("open hands the address to the browser, and prints it", async () => {
    const opened: string[] = [];
    const open = async (works: boolean) =>
      await run(["open", ...config()], "1.2.3", ({ json }) => ({
        ...desk.tools,
        terminal: createTerminal({ json }),
        browse: async (url) => opened.push(url) > 0 && works,
      }));
    expect(await open(true)).toBe(0);
    expect(await open(false)).toBe(0);
    expect(opened).toEqual(["https://blog.example.com/", "https://blog.example.com/"]);
    expect(stdout.join("")).toBe("https://blog.example.com/\nhttps://blog.example.com/\n");
    expect(stderr.join("")).toContain("no browser could be started here");
  });

  test("the account is named before anything is asked", async () => {
    expect(await site("up", "--yes", "--no-wait")).toBe(0);
    expect(stdout.join("")).toMatch(/^blog at https:\/\/blog\.example\.com in us-east-1, account \d{12}\n/);
    stdout.length = 0;
    expect(await site("down", "--yes")).toBe(0);
    expect(stdout.join("")).toMatch(/^blog in us-east-1, account \d{12}\n/);
  });

  test("status --check is for scripts: exit code 1 if anything is odd, with all that is", async () => {
    expect(await site("status", "--check")).toBe(1);
    expect(stderr.join("")).toContain("blog does not exist");
    expect(await site("up", "--yes", "--no-wait")).toBe(0);
    expect(await site("status", "--check")).toBe(0);
    desk.tools.probe = async () => ({ error: "connect ECONNREFUSED" });
    expect(await site("status")).toBe(0);
    stderr.length = 0;
    expect(await site("status", "--check")).toBe(1);
    expect(stderr.join("")).toMatch(
      /blog needs a look\n {4}https:\S+ does not answer 200: connect ECONNREFUSED\n/,
    );
  });

  test("without --json the result is text on stdout", async () => {
    expect(await site("plan")).toBe(0);
    expect(stdout.join("")).toMatch(/create the spot fleet[\s\S]*public IPv4 address +\$3\.65/);
    expect(await site("status")).toBe(0);
    expect(stdout.join("")).toContain("blog does not exist; `everspot up` brings it up");
  });
});

describe("the terminal", () => {
  const out = (isTTY: boolean) => {
    const written: string[] = [];
    return { written, isTTY, hasColors: () => isTTY, write: (text: string) => written.push(text) };
  };

  test("has no colours and no live lines where no one looks", () => {
    const to = out(false);
    const terminal = createTerminal({ json: false, stdout: to, stderr: to });
    terminal.begin("make it");
    terminal.say("a word");
    terminal.done("make it", 1.25, "vpc-1");
    expect(to.written.join("")).toBe("a word\n✓ make it (vpc-1, 1.3 s)\n");
  });

  test("keeps the running step below what is said meanwhile", () => {
    vi.stubEnv("NO_COLOR", "1");
    const to = out(true);
    const terminal = createTerminal({ json: false, stdout: to, stderr: to });
    terminal.begin("make it");
    terminal.say("a word");
    terminal.failed("make it", 100);
    const clear = "\r\u001b[K";
    expect(to.written.join("")).toBe(
      `· make it …${clear}a word\n· make it …${clear}✗ make it (1 min 40 s)\n`,
    );
    vi.unstubAllEnvs();
  });
});

test("a known failure is reported with where, lines and what to do", async () => {
  const error = new EverspotError("it broke", {
    resource: "vpc-1",
    hint: "mend it",
    lines: ["line 1"],
    exitCode: 1,
  });
  expect(fail(error, { json: true })).toBe(1);
  expect(stderr.join("")).toBe("error: it broke\n    line 1\n  where: vpc-1\n  what to do: mend it\n");
  expect(JSON.parse(stdout.join(""))).toEqual({
    error: { message: "it broke", resource: "vpc-1", hint: "mend it", lines: ["line 1"] },
  });
});
