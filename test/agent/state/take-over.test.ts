import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LogWriter } from "../../../agent/state/log/log-writer.ts";
import { takeOver } from "../../../agent/state/take-over.ts";
import { type LocalState, own, patience, rewinds, startState, upload, writer } from "./local.ts";

let local: LocalState;
let folder: string;
let log: LogWriter;
beforeAll(async () => {
  local = await startState();
});
afterAll(() => local.close());
beforeEach(async () => {
  await local.next();
  folder = await mkdtemp(join(tmpdir(), "everspot-take-over-"));
  log = await own(local.bucket, writer(1));
  await upload(log, "kept");
  await log.append({ kind: "mark", name: "before r2" });
  await upload(log, "of the release that is tried");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const takes = (epoch: number, run = epoch) => {
  const where = { folder: join(folder, "state"), keeps: join(folder, "keeps"), databases: ["db.sqlite3"] };
  return takeOver(local.bucket, writer(epoch, `i-${epoch}`, run), where, patience);
};

test("what a release wrote that never served is taken back by whoever has the site next, and told of", async () => {
  expect(await takes(2)).toMatchObject({ uploads: 1, troubles: [expect.stringContaining('"before r2"')] });
  await expect(log.append({ kind: "open" })).rejects.toThrow("epoch 2");
  expect(await takes(3)).toMatchObject({ uploads: 1, troubles: [] });
  expect(await rewinds(local.bucket)).toBe(1);
});

test("all of it, though it was begun again behind what was half done", async () => {
  await log.append({ kind: "mark", name: "before r2" });
  await upload(log, "of the second try");
  expect(await takes(2)).toMatchObject({ uploads: 1 });
});

test("once, by an owner that is started again at that", async () => {
  await takes(2);
  expect(await takes(2, 3)).toMatchObject({ uploads: 1 });
  expect(await rewinds(local.bucket)).toBe(1);
});

test("what a release wrote that serves stays", async () => {
  await log.append({ kind: "open" });
  await upload(log, "of a visitor");
  expect(await takes(2)).toMatchObject({ uploads: 3, troubles: [] });
  expect(await rewinds(local.bucket)).toBe(0);
});
