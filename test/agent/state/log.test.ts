import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Fenced } from "../../../agent/site/state/errors.ts";
import { logKey } from "../../../agent/site/state/keys.ts";
import { BEGINNING } from "../../../agent/site/state/place.ts";
import { readLog } from "../../../agent/site/state/read-log.ts";
import { AHEAD, fenceAhead } from "../../../agent/state/log/fence-ahead.ts";
import { goBack } from "../../../agent/state/log/go-back.ts";
import { LogWriter } from "../../../agent/state/log/log-writer.ts";
import { type Disturbance, internalError, slowDown } from "../../cloud/wire/server.ts";
import { entries, type LocalState, own, patience, startState, writer } from "./local.ts";

let local: LocalState;
beforeAll(async () => {
  local = await startState();
});
beforeEach(() => local.next());
afterAll(async () => {
  expect(local.server.faults).toEqual([]);
  await local.close();
});

const mark = (name: string) => ({ kind: "mark" as const, name });
const puts = () =>
  local.server.calls.filter(
    (call) => call.operation === "PutObject" && `s3://${call.input.Bucket}` === local.bucket.url,
  ).length;
const disturb = (nth: number, how: Disturbance) => local.server.disturb("s3", "PutObject", how, nth);
const kinds = async () =>
  (await entries(local.bucket)).map(
    ({ entry: { header }, counts }) => `${header.kind}${header.epoch}${counts ? "" : "-"}`,
  );

describe("an owner", () => {
  test("takes an empty log with one round of PUTs and writes on behind its fence", async () => {
    const log = await own(local.bucket, writer(1), AHEAD);
    expect(await log.append(mark("a"))).toEqual({ seq: AHEAD + 2, late: undefined });
    expect(puts()).toBe(AHEAD + 2);
    expect((await kinds()).filter((kind) => !kind.endsWith("-"))).toEqual(["fence1", "open1", "mark1"]);
  });

  test("whose PUTs fail, lose their way or their answer writes each entry once", async () => {
    const log = await own(local.bucket, writer(1));
    disturb(1, { error: internalError() });
    disturb(2, { error: slowDown() });
    disturb(3, { loseRequest: true });
    disturb(4, { loseReply: true });
    expect((await log.append(mark("a"))).late).toBeUndefined();
    expect((await log.append(mark("b"))).late).toBeUndefined();
    expect((await kinds()).slice(-3)).toEqual(["open1", "mark1", "mark1"]);
  });

  test("whose fence fails here and there takes the log all the same", async () => {
    disturb(1, { error: slowDown() });
    disturb(2, { loseReply: true });
    disturb(5, { loseRequest: true });
    const log = await own(local.bucket, writer(1));
    expect(log.place.epoch).toBe(1);
    expect(await kinds()).toHaveLength(patience.ahead + 1);
  });

  test("is not held by an S3 that accepts and never answers: a second connection is", async () => {
    const hasty = await startState(150);
    const log = await own(hasty.bucket, writer(1));
    hasty.server.disturb("s3", "PutObject", { delayMs: 120_000 });
    await log.append(mark("a"));
    await hasty.close();
  }, 30_000);

  test("that is no longer one learns it from its next PUT, also over numbers it cannot have seen", async () => {
    const old = await own(local.bucket, writer(1));
    await old.append(mark("a"));
    const next = await own(local.bucket, writer(2));
    await next.append(mark("b"));
    await expect(old.append(mark("lost"))).rejects.toThrow(Fenced);
    expect((await entries(local.bucket)).at(-1)?.entry.header).toMatchObject({ kind: "mark", name: "b" });
  });

  test("that sleeps until its numbers were deleted does not write again", async () => {
    const old = await own(local.bucket, writer(1));
    await own(local.bucket, writer(2));
    // The number it writes next is a fence; behind it everything may be gone.
    await local.bucket.remove([logKey(old.place.seq)]);
    await expect(old.append(mark("lost"))).rejects.toThrow(Fenced);
  });

  test.each([-300_000, 300_000])("whose clock is %s ms off dates its entries by S3's", async (off) => {
    const me = writer(1);
    const { place } = await own(local.bucket, me);
    const clock = { now: () => Date.now() + off, sleep: async () => {} };
    const log = new LogWriter(local.bucket, me, place, { clock });
    await log.append(mark("a"));
    await log.append(mark("b"));
    for (const { entry } of (await entries(local.bucket)).slice(-2)) {
      expect(Math.abs(Date.parse(entry.header.at) - Date.now())).toBeLessThan(60_000);
    }
  });

  test("counts an entry of its own run before that turns up", async () => {
    const me = writer(1);
    const log = await own(local.bucket, me);
    const dead = new LogWriter(local.bucket, { ...me, run: "00000000000000dd" }, log.place, patience);
    await dead.append(mark("late"));
    const met = await log.append(mark("mine"));
    expect(met.late?.header).toMatchObject({ kind: "mark", name: "late" });
    expect((await log.append(mark("mine"))).late).toBeUndefined();
    expect((await kinds()).slice(-2)).toEqual(["mark1", "mark1"]);
  });

  test("refuses an entry of another instance with its own epoch", async () => {
    const log = await own(local.bucket, writer(1));
    const twin = new LogWriter(local.bucket, writer(1, "i-other"), log.place, patience);
    await twin.append(mark("x"));
    await expect(log.append(mark("y"))).rejects.toThrow(/is of i-other, with the epoch of i-1/);
  });
});

describe("the log is taken", () => {
  test("from an owner that writes at full speed, in one round", async () => {
    const old = await own(local.bucket, writer(1));
    let acknowledged = 0;
    const writing = (async () => {
      for (;;) {
        await old.append(mark(`${acknowledged + 1}`));
        acknowledged++;
      }
    })().catch((error: unknown) => error);
    while (acknowledged < 5) await new Promise((resolve) => setImmediate(resolve));
    const before = puts();
    const next = await own(local.bucket, writer(2));
    expect(await writing).toBeInstanceOf(Fenced);
    expect(puts() - before).toBeLessThan(patience.ahead + 30);
    const marks = (await entries(local.bucket)).filter((e) => e.entry.header.kind === "mark");
    expect(marks.filter((e) => e.counts)).toHaveLength(acknowledged);
    expect(next.place.epoch).toBe(2);
  });

  test("by the later of two, and the earlier one stands down", async () => {
    await own(local.bucket, writer(1));
    await own(local.bucket, writer(3));
    await expect(own(local.bucket, writer(2))).rejects.toThrow(Fenced);
  });

  test("with gaps of one that died filled first: nothing can come to stand there later", async () => {
    const first = await own(local.bucket, writer(1));
    const next = first.place.seq + 1;
    // Of another taker only the numbers behind the first two arrived.
    await fenceAhead(local.bucket, writer(2), next + 2, "2026-11-26T10:00:00.000Z", {
      ...patience,
      ahead: 2,
    });
    await own(local.bucket, writer(3));
    const at = async (seq: number) => (await entries(local.bucket))[seq - 1]?.entry.header;
    expect(await at(next)).toMatchObject({ kind: "fence", epoch: 3 });
    expect(await at(next + 1)).toMatchObject({ kind: "fence", epoch: 3 });
    await expect(first.append(mark("late"))).rejects.toThrow(Fenced);
  });
});

describe("the sealed owner goes back", () => {
  const sealed = async () => {
    const log = await own(local.bucket, writer(1));
    await log.append(mark("mine"));
    await log.append({ kind: "seal" });
    return log.place;
  };

  test("with a rewind when no one was open since, and the other stands down", async () => {
    const place = await sealed();
    const other = await own(local.bucket, writer(2)).catch(() => undefined);
    expect(other).toBeDefined();
    // As if it had not come to its `open` yet.
    await local.bucket.remove([logKey(other?.place.seq ?? 0)]);
    const back = await goBack(local.bucket, writer(3), place, patience);
    expect(back.rewound).toBe(true);
    expect((await entries(local.bucket)).at(-1)?.entry.header).toMatchObject({
      kind: "rewind",
      to: place.seq,
    });
    await expect(other?.append(mark("lost"))).rejects.toThrow(Fenced);
  });

  test("to what the other one wrote, when that was open", async () => {
    const place = await sealed();
    await own(local.bucket, writer(2));
    const back = await goBack(local.bucket, writer(3), place, patience);
    expect(back.rewound).toBe(false);
    expect((await kinds()).filter((kind) => kind.startsWith("rewind"))).toEqual([]);
  });
});

test("a damaged entry is named, with its key", async () => {
  const log = await own(local.bucket, writer(1));
  await log.append(mark("a"));
  await local.bucket.put(logKey(log.place.seq), Buffer.from("rubbish"));
  await expect(readLog(local.bucket, BEGINNING)).rejects.toThrow(
    `${local.bucket.url}/${logKey(log.place.seq)} is not an entry of the log`,
  );
});
