/** Commands on a site's instances: the command line with the operator's keys, the agent's part with the instance's role. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { PART_BYTES } from "../../../agent/site/runs/documents.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import { run as everspot } from "../../../provisioner/cli/program.ts";
import { runJob, runJobs } from "../../../provisioner/commands/jobs.ts";
import { type RunOptions, runRun } from "../../../provisioner/commands/run.ts";
import type { Questions } from "../../../provisioner/operator/questions.ts";
import type { Stdio } from "../../../provisioner/operator/stdio.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";
import type { Played } from "../../agent/jobs/command.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { MINIMAL } from "../site.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: SwapSite;
beforeAll(async () => {
  site = await openSwapSite({
    toml: '[schedule.nightly]\nrun = "tidy --all"\nat = "2099-12-24 03:15"\nzone = "Europe/Berlin"\ntimeout = 90\n',
  });
});
afterAll(async () => {
  await site.close();
});
beforeEach(() => {
  site.forget();
  site.agents.commands.started.length = 0;
  site.agents.commands.begins = (one) => one.end(0);
});
afterEach(() => {
  expect(site.agents.failures).toEqual([]);
  expect(site.cloud.faults()).toEqual([]);
});

interface Seen {
  stdout: Buffer;
  stderr: Buffer;
}

interface More {
  input?: AsyncIterable<Uint8Array>;
  typed?: boolean;
  questions?: Partial<Questions>;
  interrupted?: AbortSignal;
  write?: Stdio["write"];
}

function run(options: Partial<RunOptions>, more: More = {}): { code: Promise<number>; seen: Seen } {
  const seen = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const stdio: Stdio = {
    typed: more.typed ?? false,
    input: more.input ?? chunks(),
    write: async (to, bytes) => {
      seen[to] = Buffer.concat([seen[to], bytes]);
      return true;
    },
    done: () => {},
    ...(more.write && { write: more.write }),
  };
  const tools = {
    ...site.tools,
    stdio,
    questions: { ...site.tools.questions, ...more.questions },
    interrupted: () => more.interrupted ?? new AbortController().signal,
  };
  const usual = { command: "run" as const, words: ["true"], json: false, timeout: 3600 };
  return { code: runRun(site.config, tools, { ...usual, ...options }), seen };
}

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const failing = async (running: { code: Promise<number> }): Promise<EverspotError> => {
  const error = await running.code.catch((e: unknown) => e);
  if (!(error instanceof EverspotError)) throw new Error(`it did not fail as it should: ${String(error)}`);
  return error;
};
/** Everything that was ever written into the bucket. */
const bucket = () =>
  site.cloud.wire.calls
    .filter((c) => c.operation === "PutObject")
    .map(
      (c) =>
        `${String((c.input as { Key: string }).Key)} ${Buffer.from((c.input as { Body: Uint8Array }).Body ?? "").toString("latin1")}`,
    );

describe("a command", () => {
  test("runs once, as it was given, as a unit of the release; its outputs and its exit code come back", async () => {
    site.agents.commands.begins = (one) => {
      one.write("to stdout\n");
      one.write("to stderr\n", "stderr");
      one.end(7);
    };
    const { code, seen } = run({ words: ["sh", "-c", "exit $X", "a b"], timeout: 60, memory: 300 });
    expect(await code).toBe(7);
    expect(seen.stdout.toString()).toBe("to stdout\n");
    expect(seen.stderr.toString()).toBe("to stderr\n");
    const [one, ...others] = site.agents.commands.started;
    expect(others).toEqual([]);
    const current = (await site.channel())?.current;
    expect(one?.options).toMatchObject({
      words: ["sh", "-c", "exit $X", "a b"],
      seconds: 60,
      memory: "300M",
    });
    expect(one?.options.unit).toMatch(new RegExp(`^everspot-run-\\S+@${current}\\.service$`));
  });

  test("has 10 MB to say, and every byte arrives, in parts", async () => {
    const all = Buffer.alloc(10_000_000, "0123456789abcdef\n");
    site.agents.commands.begins = (one) => {
      one.write(all);
      one.end(0);
    };
    const { code, seen } = run({});
    expect(await code).toBe(0);
    expect(seen.stdout.equals(all)).toBe(true);
    const sizes = bucket()
      .filter((put) => /^runs\/told\/\S+\/\d+ /.test(put))
      .map((put) => put.length);
    expect(sizes.length).toBeGreaterThan(15);
    expect(Math.max(...sizes)).toBeLessThan(PART_BYTES + 100_000);
  });

  test("reads what is given to it, and where that ends", async () => {
    site.agents.commands.begins = async (one) => {
      await vi.waitFor(() => expect(one.inputEnded()).toBe(true), 20_000);
      one.write(one.read().toUpperCase());
      one.end(0);
    };
    const { code, seen } = run({ words: ["cat"] }, { input: chunks("one\n", "two\n") });
    expect(await code).toBe(0);
    expect(seen.stdout.toString()).toBe("ONE\nTWO\n");
  });

  test("two at once have nothing to do with one another", async () => {
    const open: Played[] = [];
    site.agents.commands.begins = (one) => {
      open.push(one);
      if (open.length < 2) return;
      for (const each of open) {
        each.write(each.options.words.join(" "));
        each.end(open.indexOf(each));
      }
    };
    const [one, two] = [run({ words: ["first"] }), run({ words: ["second"] })];
    expect((await Promise.all([one.code, two.code])).sort()).toEqual([0, 1]);
    expect([one.seen.stdout.toString(), two.seen.stdout.toString()]).toEqual(["first", "second"]);
  });

  test("--json: one document with all of it", async () => {
    site.agents.commands.begins = (one) => {
      one.write("out");
      one.write("err", "stderr");
      one.end(3);
    };
    const { code, seen } = run({ json: true });
    expect(await code).toBe(3);
    expect(seen.stdout.length).toBe(0);
    expect(site.json()).toMatchObject({
      ...{ command: "run", site: "blog", instance: site.owner(), how: "ended", exitCode: 3 },
      ...{ stdout: "out", stderr: "err" },
    });
  });

  test.each([
    ["timeout", 124, /ended on i-\w+ after 3600 s/],
    ["oom-kill", 137, /more memory than it may have/],
  ])("%s: %i, and what to do", async (result, exitCode, message) => {
    site.agents.commands.begins = (one) => {
      one.result = result;
      one.end(1);
    };
    const error = await failing(run({}));
    expect(error).toMatchObject({ exitCode, message: expect.stringMatching(message) });
    expect(error.hint).toContain("everspot run --");
  });

  test("where no one reads its output any more, it is cancelled without a word", async () => {
    site.agents.commands.begins = (one) => one.write("a line\n");
    const { code } = run({}, { write: async () => false });
    expect(await code).toBe(141);
    expect(site.agents.commands.started[0]?.stopped).toBe(true);
  });
});

describe("on the command line", () => {
  const line = (args: readonly string[], folder: string) =>
    everspot(
      [...args.map((a) => (a === "FILE" ? path.join(folder, "everspot.toml") : a))],
      "1.2.3",
      ({ json }) => ({
        ...site.tools,
        terminal: createTerminal({ json, stdout: { write: () => {} }, stderr: { write: () => {} } }),
      }),
    );
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "everspot-"));
    writeFileSync(path.join(folder, "everspot.toml"), MINIMAL);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ["run -c FILE -- grep -c x --json", ["grep", "-c", "x", "--json"], 3600],
    ["--json -c FILE run --timeout 5 ls -l", ["ls", "-l"], 5],
    ["manage -c FILE shell -c 1+1", ["python3", "-m", "django", "shell", "-c", "1+1"], 3600],
  ])(
    "%s: what stands behind is the command's own, and everspot ends as it does",
    async (given, words, seconds) => {
      site.agents.commands.begins = (one) => one.end(5);
      expect(await line(given.split(" "), folder)).toBe(5);
      expect(site.agents.commands.started[0]?.options).toMatchObject({ words, seconds });
    },
  );

  test("without a command: 2", async () => {
    const said: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
    expect(await line(["run", "-c", "FILE"], folder)).toBe(2);
    expect(await line(["run", "--memory", "1", "-c", "FILE", "x"], folder)).toBe(2);
    vi.restoreAllMocks();
    expect(said.join("")).toMatch(/run needs a command[\s\S]*whole number of megabytes, at least 16/);
  });
});

describe("Ctrl-C", () => {
  test("cancels it, and says so", async () => {
    const stop = new AbortController();
    site.agents.commands.begins = () => stop.abort(new Error("Ctrl-C"));
    const error = await failing(run({}, { interrupted: stop.signal }));
    expect(error).toMatchObject({ exitCode: 130, message: "the command was cancelled" });
    expect(site.said()).toContain("cancelling the command");
    expect(site.agents.commands.started[0]?.stopped).toBe(true);
  });

  test("before anyone took it up: it is never begun", async () => {
    const error = await failing(run({}, { interrupted: AbortSignal.abort(new Error("Ctrl-C")) }));
    expect(error).toMatchObject({ exitCode: 130 });
    await site.tools.clock.sleep(120_000);
    expect(site.agents.commands.started).toEqual([]);
  });
});

describe("manage", () => {
  test("is manage.py, or Django's own command where the release has none", async () => {
    expect(await run({ command: "manage", words: ["check", "--deploy"] }).code).toBe(0);
    expect(site.agents.commands.started[0]?.options.words).toEqual([
      ...["python3", "-m", "django", "check", "--deploy"],
    ]);
  });

  test("createsuperuser asks here; the password is on no command line, in no object and no log, and gone afterwards", async () => {
    const password = "correct horse battery";
    const secrets = [password, password];
    let environment = "";
    site.agents.commands.begins = (one) => {
      const folder = site.agents.commands.places(site.owner() ?? "").environment;
      const file = path.join(folder, one.options.unit.replace(/@.*/, ".env"));
      environment = readFileSync(file, "utf8");
      one.end(0);
    };
    const questions: Partial<Questions> = {
      text: async (question) => (question.startsWith("E-mail") ? "ann@example.com" : "ann"),
      secret: async () => secrets.shift() ?? "",
    };
    const code = run({ command: "manage", words: ["createsuperuser"] }, { typed: true, questions }).code;
    expect(await code).toBe(0);
    expect(environment).toContain(`DJANGO_SUPERUSER_PASSWORD="${password}"`);
    expect(environment).toContain('DJANGO_SUPERUSER_USERNAME="ann"');
    expect(environment).toContain('DJANGO_SUPERUSER_EMAIL="ann@example.com"');
    expect(site.agents.commands.started[0]?.options.words).toEqual([
      ...["python3", "-m", "django", "createsuperuser", "--noinput"],
    ]);
    expect(bucket().filter((put) => put.includes(password))).toEqual([]);
    expect(site.said() + JSON.stringify(site.json())).not.toContain(password);
    const put = site.cloud.wire.calls.filter((c) => c.operation === "PutParameter").map((c) => c.input);
    expect(put).toMatchObject([
      { Name: expect.stringMatching(/^\/everspot-run\/blog\//), Type: "SecureString" },
    ]);
    const aws = await connect(site.config);
    expect(await aws.runSecrets.list()).toEqual([]);
    aws.close();
  });

  test.each([
    ["two that differ", ["one of them", "the other"], true, /not the same/],
    ["none", [""], true, /is empty/],
    ["none, on stdin", [""], false, /is empty/],
  ])("createsuperuser with %s of a password: nothing is done", async (_, answers, typed, message) => {
    const secrets = [...answers];
    const questions = { text: async () => "ann@example.com", secret: async () => secrets.shift() ?? "" };
    const mark = site.cloud.mark();
    const error = await failing(run({ command: "manage", words: ["createsuperuser"] }, { typed, questions }));
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
    expect(site.cloud.mark()).toBe(mark);
  });
});

describe("shell", () => {
  test("typed: line by line, the first one not before Python asks for it", async () => {
    let early = "";
    site.agents.commands.begins = async (one) => {
      await site.tools.clock.sleep(5_000);
      early = one.read();
      one.write("Python 3.13\n>>> ");
      await vi.waitFor(() => expect(one.read()).toBe("1 + 1\n"), 20_000);
      one.write("2\n>>> ");
      one.end(0);
    };
    const { code, seen } = run({ command: "shell", words: [] }, { typed: true, input: chunks("1 + 1\n") });
    expect(await code).toBe(0);
    expect(early).toBe("");
    expect(seen.stdout.toString()).toBe("Python 3.13\n>>> 2\n>>> ");
    expect(site.agents.commands.started[0]?.options.words.slice(-3)).toEqual([
      "shell",
      "--interface",
      "python",
    ]);
  });

  test("from a pipe: as one program, all of it there when the command is asked for", async () => {
    site.agents.commands.begins = async (one) => {
      await vi.waitFor(() => expect(one.inputEnded()).toBe(true), 20_000);
      one.write(one.read());
      one.end(0);
    };
    const input = chunks("for i in range(3):\n", "    print(i)\n");
    const { code, seen } = run({ command: "shell", words: [] }, { input });
    expect(await code).toBe(0);
    expect(seen.stdout.toString()).toBe("for i in range(3):\n    print(i)\n");
    expect(site.agents.commands.started[0]?.options.words.at(-1)).toBe("shell");
  });
});

describe("a job of [schedule.NAME]", () => {
  const nightly = { command: "jobs run" as const, words: ["nightly"], timeout: 90 };

  test("by hand: its own command, with its output and exit code here, and it is in the list", async () => {
    site.agents.commands.begins = (one) => {
      one.write("tidied\n");
      one.end(4);
    };
    const { code, seen } = run(nightly);
    expect(await code).toBe(4);
    expect(seen.stdout.toString()).toBe("tidied\n");
    const [one] = site.agents.commands.started;
    expect(one?.options).toMatchObject({ words: ["/bin/sh", "-c", "tidy --all"], seconds: 90 });
    site.forget();
    await runJobs(site.config, site.tools);
    expect(site.json()).toMatchObject({
      ...{ command: "jobs", site: "blog" },
      jobs: [
        {
          ...{
            job: "nightly",
            at: "2099-12-24 03:15",
            zone: "Europe/Berlin",
            next: "2099-12-24T02:15:00.000Z",
          },
          last: { how: "failed", exitCode: 4, by: "ann@laptop" },
        },
      ],
    });
  });

  test("not while it runs: 69, with the reason", async () => {
    site.agents.commands.begins = () => {};
    const first = run(nightly);
    await vi.waitFor(() => expect(site.agents.commands.started).toHaveLength(1), 20_000);
    const error = await failing(run(nightly));
    expect(error).toMatchObject({
      exitCode: 69,
      message: expect.stringContaining("it has been running since"),
    });
    site.agents.commands.started[0]?.end(0);
    expect(await first.code).toBe(0);
  });

  test("one that no everspot.toml has: 2, and what was meant", async () => {
    const asked = (name: string) => runJob(site.config, site.tools, { name, json: false });
    await expect(asked("nigthly")).rejects.toMatchObject({
      ...{ exitCode: 2, message: "there is no [schedule.nigthly] in everspot.toml" },
      hint: 'did you mean "nightly"?',
    });
    await expect(asked("constructor")).rejects.toMatchObject({ exitCode: 2 });
  });

  test("one that the instance does not know: 69", async () => {
    const error = await failing(run({ ...nightly, words: ["later"] }));
    expect(error).toMatchObject({ exitCode: 69, message: expect.stringContaining("knows no job later") });
  });
});

describe("used wrongly: 2, before anything is asked of AWS", () => {
  test.each([
    ["no command", { words: [] }, /needs a command/],
    ["no arguments", { command: "manage" as const, words: [] }, /needs arguments of manage\.py/],
    ["a long one", { words: ["x".repeat(70_000)] }, /may have at most 65536/],
    ["a NUL", { words: ["a\0b"] }, /NUL/],
  ])("%s", async (_, options, message) => {
    const mark = site.cloud.mark();
    const error = await failing(run(options));
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
    expect(site.cloud.mark()).toBe(mark);
  });
});

describe("an instance that goes", () => {
  test("in the middle: 75, and the next one does not run it again", async () => {
    const first = site.owner() ?? "";
    site.agents.commands.begins = (one) => {
      one.write("half of\n");
      void site.tools.clock.sleep(3_000).then(async () => {
        const aws = await connect(site.config);
        await aws.instances.terminate([first]);
        aws.close();
      });
    };
    const { code, seen } = run({});
    const error = await failing({ code });
    expect(error).toMatchObject({ exitCode: 75, message: expect.stringContaining(`${first} is gone`) });
    expect(error.hint).toContain("not run again");
    expect(seen.stdout.toString()).toBe("half of\n");
    await vi.waitFor(async () => {
      await site.tools.clock.sleep(5_000);
      expect(site.owner()).not.toBe(first);
    }, 20_000);
    await site.tools.clock.sleep(60_000);
    expect(site.agents.commands.started).toHaveLength(1);
  });

  test.each([
    ["is interrupted", 130, 75],
    ["keeps its exit code if it comes to its end", 4, 4],
  ])("in a swap: the command is told, and %s", async (_, code, outcome) => {
    const swaps: Promise<void>[] = [];
    site.agents.commands.begins = (one) => {
      one.onStop = () => one.end(code);
      swaps.push(site.deploy(`beside a command that ends with ${code}`));
    };
    const result = await run({}).code.catch((e: EverspotError) => e);
    await Promise.all(swaps);
    if (outcome === 75) {
      expect(result).toMatchObject({ exitCode: 75, message: expect.stringContaining("took the site over") });
    } else expect(result).toBe(outcome);
    expect(site.agents.commands.started).toHaveLength(1);
  });
});

test("an instance that does not listen: 69 after a minute, and it is not run when it listens again", async () => {
  const { lookMs } = site.agents;
  site.agents.lookMs = 600_000;
  await site.tools.clock.sleep(lookMs);
  const error = await failing(run({}));
  site.agents.lookMs = lookMs;
  expect(error).toMatchObject({ exitCode: 69, message: "the command was not run: no instance took it up" });
  expect(error.hint).toContain("everspot status");
  expect(site.said()).toContain("has not taken the command up yet");
  await site.tools.clock.sleep(900_000);
  expect(site.agents.commands.started).toEqual([]);
});
