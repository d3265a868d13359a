import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Fenced } from "../../../agent/site/state/errors.ts";
import { restore } from "../../../agent/site/state/restore.ts";
import type { LogWriter } from "../../../agent/state/log/log-writer.ts";
import { undo } from "../../../agent/state/return-to.ts";
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
  folder = await mkdtemp(join(tmpdir(), "everspot-undo-"));
  log = await own(local.bucket, writer(1));
  await upload(log, "kept");
  await log.append({ kind: "mark", name: "before r2" });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** By the process that comes after the one that wrote. */
const back = (mark: typeof log.place) =>
  undo(local.bucket, writer(1, "i-1", 2), { folder, keeps: folder }, mark, patience);
const there = async () => [...(await restore(local.bucket, join(folder, "there"))).media.keys()];

test("what came after the mark is taken back, and this disk goes on from there", async () => {
  const mark = log.place;
  await upload(log, "of the release that was tried");
  expect(await back(mark)).toEqual({ undone: true, seq: mark.seq + 2 });
  expect(await there()).toEqual(["kept"]);
  const kept = JSON.parse(await readFile(join(folder, "shipped.json"), "utf8"));
  expect(kept).toMatchObject({ epoch: 1, instance: "i-1", sealed: false, place: { seq: mark.seq + 2 } });
});

test("one that was cut off goes on, and takes nothing back twice", async () => {
  const mark = log.place;
  await upload(log, "of the release that was tried");
  await back(mark);
  await rm(join(folder, "shipped.json"));
  expect(await back(mark)).toEqual({ undone: true, seq: mark.seq + 2 });
  expect(await rewinds(local.bucket)).toBe(1);
});

test("what may have been answered stays", async () => {
  const mark = log.place;
  await upload(log, "of the release that serves");
  await log.append({ kind: "open" });
  expect(await back(mark)).toMatchObject({ undone: false });
  expect(await there()).toEqual(["kept", "of the release that serves"]);
});

test("a later owner is not interfered with", async () => {
  const mark = log.place;
  await own(local.bucket, writer(2));
  await expect(back(mark)).rejects.toEqual(new Fenced(2));
  expect(await rewinds(local.bucket)).toBe(0);
});
