import { readFileSync } from "node:fs";
import path from "node:path";
import { Writable } from "node:stream";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { consent, isLoopback } from "../../../scripts/questions/consent.ts";
import { contact } from "../../../scripts/questions/contact.ts";
import { questions } from "../../../scripts/questions/index.ts";
import { scrub } from "../../../scripts/questions/scrub.ts";
import { answered, QUESTIONS, readAnswers } from "../../cloud/answers.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";
import { delaysOf } from "../../cloud/ec2/delays.ts";
import { habitsOf, openHabits } from "../../cloud/ec2/fleet-habits.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const caller = { account: "123456789012", arn: "arn:aws:iam::123456789012:user/ann" };

test("AWS is asked only where a person named the account after reading the cost", () => {
  for (const local of ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://127.9.9.9"]) {
    expect(isLoopback(local)).toBe(true);
    consent(local, caller, undefined);
  }
  const aws = [
    undefined,
    "",
    "127.0.0.1",
    "https://ec2.amazonaws.com",
    "http://127.0.0.1.example",
    "http://10.0.0.1",
  ];
  for (const endpoint of aws) {
    expect(isLoopback(endpoint)).toBe(false);
    expect(() => consent(endpoint, caller, undefined)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(
          "in the account 123456789012 (as arn:aws:iam::123456789012:user/ann)",
        ),
        hint: expect.stringMatching(/at most 20 minutes and \$0\.10.*--yes-aws 123456789012$/),
        exitCode: 2,
      }),
    );
    expect(() => consent(endpoint, caller, "210987654321")).toThrow(/of another account/);
    consent(endpoint, caller, "123456789012");
  }
});

test("an answer has nothing in it that belongs to an account", () => {
  const said =
    "fleet-12345678-1234-1234-1234-123456789abc lt-0123456789abcdef0 in 123456789012 at 10.0.0.7 by AROAABCDEFGHIJKLMNOP arn:aws:iam::123456789012:role/x, ann@example.com";
  expect(scrub({ said, n: 3, yes: true })).toEqual({
    said: "fleet-(id) lt-(id) in (account) at (address) by (key) (arn), (mail)",
    n: 3,
    yes: true,
  });
});

test("what AWS answered is what the local AWS does; what no one asked has more than one side", () => {
  const at = { at: "2026-11-26", region: "us-east-1" };
  const split = { answer: "yes", facts: {}, ...at };
  const second = { answer: "refused", facts: { code: "FleetNotInModifiableState" }, ...at };
  expect(habitsOf({})).toMatchObject({ modifiesSplit: false, notModifiable: "IncorrectState" });
  const told = { "split-target": split, "second-change": second };
  expect(habitsOf(told)).toMatchObject({
    modifiesSplit: true,
    notModifiable: "FleetNotInModifiableState",
    beginsEmpty: true,
  });
  const shown = { answer: "shown", facts: { firstAfterSeconds: 75 }, ...at };
  expect(delaysOf({ console: shown })).toEqual({ console: 75_000 });
  expect(openHabits({}).map((o) => o.question)).toContain("split-target");
  expect(openHabits(told).map((o) => o.question)).not.toContain("split-target");
  const unknown = { "split-target": { ...split, answer: "unknown" } };
  expect(answered(unknown, "split-target")).toBeUndefined();
  expect(habitsOf(unknown).modifiesSplit).toBe(false);
  expect(Object.keys(readAnswers()).every((id) => (QUESTIONS as readonly string[]).includes(id))).toBe(true);
});

test("the docs list the questions as they are asked", () => {
  const page = readFileSync(path.join(root, "docs/first-time-on-aws.md"), "utf8");
  const listed = [...page.matchAll(/^\| `([a-z0-9-]+)` \| ([^|]+) \|/gm)].map(([, id, asks]) => [
    id,
    asks?.trim(),
  ]);
  expect(listed).toEqual(questions.map((q) => [q.id, q.asks]));
  expect(questions.map((q) => q.id)).toEqual(QUESTIONS);
});

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ zones: ["us-east-1a"] });
  Object.assign(process.env, cloud.env);
});
afterAll(async () => {
  await cloud.close();
});

/** As the script has it, in this process. */
async function run(...words: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  const into = (to: keyof typeof said) =>
    new Writable({
      write: (chunk, _, done) => {
        said[to] += String(chunk);
        done();
      },
    }) as NodeJS.WriteStream;
  const interruption = () => new AbortController().signal;
  const around = { stdout: into("stdout"), stderr: into("stderr"), interruption };
  return { exitCode: await contact(words, around), ...said };
}

test("the script refuses to ask AWS itself without the account's number, and has asked no more than who it is", async () => {
  const { AWS_ENDPOINT_URL = "", ...rest } = cloud.env;
  // Every service by itself, so that nothing here can reach AWS.
  const services = ["STS", "EC2", "IAM", "S3", "SSM", "FREETIER"];
  const each = Object.fromEntries(services.map((s) => [`AWS_ENDPOINT_URL_${s}`, AWS_ENDPOINT_URL]));
  const mark = cloud.mark();
  const env = { ...rest, ...each, PATH: process.env.PATH ?? "" };
  const options = { env, extendEnv: false, reject: false };
  const refused = await execa(path.join(root, "scripts/contact"), options);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toMatch(/this would ask AWS itself, in the account 123456789012[\s\S]*\$0\.10/);
  for (const [name, value] of Object.entries({ ...each, AWS_ENDPOINT_URL: undefined }))
    vi.stubEnv(name, value);
  const other = await run("--yes-aws", "210987654321").finally(() => vi.unstubAllEnvs());
  expect(other.exitCode).toBe(2);
  expect(other.stderr).toMatch(/of another account/);
  expect(cloud.wire.calls.slice(mark).map((c) => c.operation)).toEqual([
    "GetCallerIdentity",
    "GetCallerIdentity",
  ]);
}, 60_000);

test("on this machine it needs no such word; --clean alone asks nothing", async () => {
  const cleaned = await run("--clean", "--json");
  expect(JSON.parse(cleaned.stdout)).toMatchObject({ command: "contact", asked: [], found: [], left: [] });
  expect(cleaned.stderr).toContain("nothing is left");
  expect(cleaned.exitCode).toBe(0);
  expect(cloud.writes()).toEqual([]);
}, 60_000);
