import { describe, expect, test } from "vitest";
import {
  beginAttempt,
  choose,
  markGood,
  promote,
  quarantine,
  quarantineSpent,
  withdrawAttempt,
} from "../../../agent/release/channel.ts";
import { type Channel, channel as schema } from "../../../agent/site/records.ts";

const at = "2026-11-21T00:00:00.000Z";
const later = "2026-11-21T00:01:00.000Z";
const base: Channel = { version: 1, nonce: "n", counter: 3, quarantined: [] };
const full: Channel = {
  ...base,
  candidate: { id: "r3", attempts: [] },
  current: "r2",
  previous: "r1",
  lastKnownGood: "r1",
};
const none = new Set<string>();
const after = (fields: Omit<Channel, "nonce"> | undefined): Channel => {
  if (fields === undefined) throw new Error("no change");
  return schema.parse({ ...fields, nonce: "m" });
};

describe("choose", () => {
  test("takes the candidate, then current, then the last known good", () => {
    expect(choose(full, none)).toEqual({ id: "r3", role: "candidate" });
    expect(choose(full, new Set(["r3"]))).toEqual({ id: "r2", role: "current" });
    expect(choose(full, new Set(["r3", "r2"]))).toEqual({ id: "r1", role: "lastKnownGood" });
    expect(choose(full, new Set(["r3", "r2", "r1"]))).toBeUndefined();
  });
  test("never takes what is quarantined", () => {
    const channel = { ...full, quarantined: [{ id: "r2", at, reason: "x" }] };
    expect(choose(channel, new Set(["r3"]))?.id).toBe("r1");
  });
  test("leaves a candidate alone whose two attempts brought no answer", () => {
    const attempts = [
      { instance: "i-1", at },
      { instance: "i-2", at },
    ];
    expect(choose({ ...full, candidate: { id: "r3", attempts } }, none)?.id).toBe("r2");
  });
  test("knows nothing to run on an empty channel", () => {
    expect(choose(base, none)).toBeUndefined();
  });
});

test("two attempts that failed quarantine the candidate, one does not", () => {
  const once = after(beginAttempt(full, "r3", "i-1", at));
  expect(once.candidate?.attempts).toEqual([{ instance: "i-1", at }]);
  expect(quarantineSpent(once, "no", later)).toBeUndefined();
  const twice = after(beginAttempt(once, "r3", "i-2", later));
  const out = after(quarantineSpent(twice, "app does not start", later));
  expect(out.candidate).toBeUndefined();
  expect(out.quarantined).toEqual([{ id: "r3", at: later, reason: "app does not start" }]);
  expect(out.current).toBe("r2");
});

test("an attempt that failed for another reason does not count", () => {
  const twice = after(beginAttempt(after(beginAttempt(full, "r3", "i-1", at)), "r3", "i-1", later));
  const one = after(withdrawAttempt(twice, "r3", "i-1", later));
  expect(one.candidate?.attempts).toEqual([{ instance: "i-1", at }]);
  expect(withdrawAttempt(one, "r3", "i-1", later)).toBeUndefined();
});

test("attempts are only noted for the candidate", () => {
  expect(beginAttempt(full, "r2", "i-1", at)).toBeUndefined();
  expect(withdrawAttempt(full, "r2", "i-1", at)).toBeUndefined();
});

test("serving promotes the candidate and keeps what it replaces", () => {
  const promoted = after(promote(full, "r3"));
  expect(promoted).toMatchObject({ current: "r3", previous: "r2", lastKnownGood: "r1" });
  expect(promoted.candidate).toBeUndefined();
  expect(promote(promoted, "r3")).toBeUndefined();
  expect(after(promote({ ...base, candidate: { id: "r1", attempts: [] } }, "r1")).previous).toBeUndefined();
});

test("only the current release becomes the last known good, once", () => {
  expect(after(markGood(full, "r2")).lastKnownGood).toBe("r2");
  expect(markGood(full, "r3")).toBeUndefined();
  expect(markGood({ ...full, lastKnownGood: "r2" }, "r2")).toBeUndefined();
});

test("the newest fifty quarantined releases are named, so that a site of bad releases stays small", () => {
  let channel = full;
  for (let i = 100; i < 160; i++) {
    const id = `r${i}`;
    channel = after(quarantine({ ...channel, candidate: { id, attempts: [] } }, id, "bad", at));
  }
  expect(channel.quarantined.map((q) => q.id)).toEqual(Array.from({ length: 50 }, (_, i) => `r${i + 110}`));
  const twice = [0, 1].map(() => ({ instance: "i-1", at }));
  const more = after(quarantineSpent({ ...channel, candidate: { id: "r160", attempts: twice } }, "bad", at));
  expect(more.quarantined).toHaveLength(50);
});
