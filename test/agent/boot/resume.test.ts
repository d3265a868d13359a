import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { leave, type Resume, takeOver } from "../../../agent/boot/resume.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-resume-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const resume: Resume = {
  identity: {
    instance: "i-0123456789abcdef0",
    type: "t4g.nano",
    image: "ami-01234567",
    zone: "us-east-1a",
    address: "203.0.113.7",
    privateAddress: "10.0.0.7",
    lifeCycle: "spot",
  },
  booted: {
    launched: new Date("2026-11-21T12:00:00.250Z"),
    release: "r000001",
    epoch: 3,
    replaced: "i-0fedcba9876543210",
    ttl: 60,
    trusted: true,
    attempt: 1,
  },
  record: {
    version: 2,
    site: "blog",
    instance: "i-0123456789abcdef0",
    bootId: "b-1",
    attempt: 1,
    started: "2026-11-21T12:00:01.000Z",
    updated: "2026-11-21T12:00:05.000Z",
    state: "serving",
    agent: "a".repeat(64),
    steps: [{ phase: "boot", name: "identity", needs: [], start: 0, seconds: 0.1, state: "done" }],
    warnings: [],
  },
  packages: { used: [["key", { lean: ["nginx-light"] }]], fresh: [] },
};

test("what a boot leaves is taken over once, whole, and read by no one else", async () => {
  const file = join(folder, "booted.json");
  await leave(file, resume);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await takeOver(file)).toEqual(resume);
  expect(await readdir(folder)).toEqual([]);
  expect(await takeOver(file)).toBeUndefined();
});
