import { appendFile, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answersIn } from "../../../agent/watch/answers.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-"));
  file = join(folder, "answers");
});
afterEach(() => rm(folder, { recursive: true }));

test("counts what came since the last look: answers, and errors among them", async () => {
  const look = answersIn(file);
  expect(await look()).toEqual({ all: 0, failed: 0 });
  await writeFile(file, "200\n500\n");
  // Whoever was there before has counted those.
  expect(await look()).toEqual({ all: 0, failed: 0 });
  await appendFile(file, "200\n301\n404\n502\n503\n444\n");
  expect(await look()).toEqual({ all: 4, failed: 2 });
  expect(await look()).toEqual({ all: 0, failed: 0 });
});

test("an answer that is half written is counted when it is whole", async () => {
  await writeFile(file, "");
  const look = answersIn(file);
  await look();
  await appendFile(file, "500\n50");
  expect(await look()).toEqual({ all: 1, failed: 1 });
  await appendFile(file, "3\n");
  expect(await look()).toEqual({ all: 1, failed: 1 });
});

test("the file does not grow forever", async () => {
  await writeFile(file, "");
  const look = answersIn(file);
  await look();
  await appendFile(file, "500\n".repeat(300_000));
  expect(await look()).toEqual({ all: 300_000, failed: 300_000 });
  expect((await stat(file)).size).toBe(0);
  await appendFile(file, "200\n");
  expect(await look()).toEqual({ all: 1, failed: 0 });
});
