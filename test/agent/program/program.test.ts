import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { program } from "../../../agent/program/program.ts";
import { Redactor } from "../../../agent/redaction/redactor.ts";
import { bootConfigOf } from "../boot-config.ts";
import { type MetadataService, startMetadata } from "./metadata.ts";

interface Line {
  level: number;
  msg: string;
  hint?: string;
}

let folder: string;
let metadata: MetadataService;
let stop: AbortController;
let lines: Line[];
let log: Logger;
let errors: string;
let done: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "program-"));
  metadata = await startMetadata();
  stop = new AbortController();
  [lines, errors, done] = [[], "", []];
  log = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line)) });
});
afterEach(async () => {
  await metadata.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) =>
  program(args, {
    ...{
      env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url },
      log,
      redactor: new Redactor(),
      stop: stop.signal,
    },
    error: (text) => {
      errors += text;
    },
    self: {
      bootLean: () => void done.push("bootLean"),
      dutyLean: () => void done.push("dutyLean"),
      stayLean: async () => {},
      beginAfresh: (command) => void done.push(`begin ${command}`),
    },
    files: {
      bootConfig: join(folder, "boot.json"),
      bootstrap: join(folder, "bootstrap"),
      booted: join(folder, "booted.json"),
      run: join(folder, "run"),
      state: join(folder, "state"),
      releases: join(folder, "releases"),
      certificates: join(folder, "certificates"),
      letsencrypt: join(folder, "letsencrypt"),
    },
  });

test.each([[[]], [["boot"]], [["certbot-hook"]], [["certbot-hook", "renew"]]])(
  "%j is no command",
  async (args) => {
    expect(await run(...args)).toBe(2);
    expect(errors).toBe("usage: agent.mjs run | certbot-hook auth | certbot-hook cleanup\n");
    expect(done).toEqual([]);
  },
);

test("a fault that is known ends with one line, what to do, and no stack trace", async () => {
  expect(await run("run")).toBe(1);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: 60, msg: expect.stringMatching(/^boot\.json: ENOENT/) });
  expect(lines[0]?.hint).toContain("bootstrap.sh");
  expect(JSON.stringify(lines)).not.toContain("stack");
});

test("a fault of the program itself keeps its stack trace, and ends otherwise", async () => {
  await writeFile(join(folder, "booted.json"), "not what an agent writes");
  expect(await run("duty")).toBe(70);
  expect(lines).toMatchObject([{ level: 60, msg: "unexpected error", err: { type: "SyntaxError" } }]);
});

test("a duty without anything to resume boots; who the machine is comes first, and may take its time", async () => {
  await writeFile(join(folder, "boot.json"), JSON.stringify(bootConfigOf()));
  const ended = run("duty");
  while (!lines.some((line) => line.msg.includes("next try"))) await new Promise((r) => setTimeout(r, 5));
  expect(done).toEqual(["bootLean"]);
  expect(lines[0]?.msg).toMatch(/^the metadata service knows no .*: next try in 2 s$/);
  expect(metadata.asked).toContain("instance-id");

  stop.abort(new Error("SIGTERM"));
  expect(await ended).toBe(0);
  expect(lines.at(-1)).toMatchObject({ level: 30, msg: "stopped by SIGTERM" });
});
