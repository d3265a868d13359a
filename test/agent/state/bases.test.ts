import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeEntry } from "../../../agent/site/state/entry.ts";
import { frame } from "../../../agent/site/state/frames.ts";
import { logKey, seqOf } from "../../../agent/site/state/keys.ts";
import { Bases } from "../../../agent/state/bases.ts";
import { entries, type LocalState, own, patience, startState, writer } from "./local.ts";

const FILE = "db.sqlite3";

let local: LocalState;
let folder: string;
beforeAll(async () => {
  local = await startState();
  folder = await mkdtemp(path.join(tmpdir(), "everspot-bases-"));
});
afterAll(async () => {
  await local.close();
  await rm(folder, { recursive: true });
});

test("what is cleaned up is looked at only where it may be a fence, and fences stay", async () => {
  const log = await own(local.bucket, writer(1));
  const database = path.join(folder, FILE);
  await writeFile(database, Buffer.alloc(4096));
  const file = await open(database);
  const source = { file: FILE, path: database, descriptor: file.fd, page: 4096 };
  const asked: number[] = [];
  const get = (key: string) => {
    asked.push(seqOf(key) ?? 0);
    return local.bucket.get(key);
  };
  const bases = new Bases({ ...local.bucket, get }, patience);
  const written: number[] = [];
  for (let i = 0; i < 3; i++) {
    const frames = { file: FILE, page: 4096, salt: "00000000000000aa", from: i, to: i + 1 };
    written.push((await log.append({ kind: "data", frames }, frame(1, randomBytes(4096), 1))).seq);
    if (i > 0) await bases.publish(log.place, [source], new Map());
  }
  await file.close();
  const fences = (await entries(local.bucket)).filter(({ entry }) => entry.header.kind === "fence");
  asked.length = 0;
  await bases.clean(0);
  expect(asked).toEqual(expect.arrayContaining(fences.map(({ seq }) => seq)));
  for (const seq of written) expect(asked).not.toContain(seq);
  for (const { seq } of fences) expect(await local.bucket.get(logKey(seq))).toBeDefined();
  expect(await local.bucket.get(logKey(written[0] ?? 0))).toBeUndefined();
});

test("the largest fence there can be is small enough to be looked at", () => {
  const instance = "\u0001".repeat(255);
  const at = "2026-01-01T00:00:00.000000000Z";
  const fence = encodeEntry({ format: 1, kind: "fence", epoch: 2 ** 50, instance, run: "0".repeat(16), at });
  expect(fence.length).toBeLessThan(2_048);
});
