import { expect, test } from "vitest";
import { diskVerdict, FailureShare, MemoryKills } from "../../../agent/duty/wrong.ts";
import { killsIn } from "../../../agent/watch/gauges.ts";

test("a disk is full from 90 %, well below 85 %, and neither in between", () => {
  expect([91, 90, 89, 85, 84].map((n) => Object.keys(diskVerdict(n) ?? {}).join())).toEqual([
    ...["wrong", "wrong", "", "", "well"],
  ]);
});

test("a twentieth of the answers of five minutes, and ten at least, are too many errors", () => {
  const share = new FailureShare();
  expect(share.look({ all: 1000, failed: 40 })).toBeUndefined();
  expect(share.look({ all: 20, failed: 20 })).toMatchObject({
    wrong: "6 % of the answers of the last 5 min were errors (5xx): 60 of 1020",
  });
  const few = new FailureShare();
  expect(few.look({ all: 9, failed: 9 })).toBeUndefined();
});

test("it is over when ten minutes had next to none, and not before", () => {
  const share = new FailureShare();
  share.look({ all: 100, failed: 100 });
  const said = Array.from({ length: 12 }, () => share.look({ all: 100, failed: 0 }));
  expect(said.findIndex((v) => v !== undefined && "well" in v)).toBe(9);
  expect(said.filter((v) => v !== undefined && "wrong" in v)).toHaveLength(4);
});

test("a site that no one visits is well", () => {
  const share = new FailureShare();
  const said = Array.from({ length: 10 }, () => share.look({ all: 0, failed: 0 }));
  expect(said.at(-1)).toHaveProperty("well");
});

test("processes killed for lack of memory are reported, and are over after an hour without any", () => {
  const kills = new MemoryKills();
  // Those of before are another instance's business, or were told.
  expect(kills.look(3)).toBeUndefined();
  expect(kills.look(5)).toMatchObject({
    wrong: expect.stringContaining("2 processes of the site were killed"),
  });
  // The slice began again.
  expect(kills.look(0)).toBeUndefined();
  expect(kills.look(1)).toMatchObject({ wrong: expect.stringContaining("a process of the site was killed") });
  const quiet = Array.from({ length: 61 }, () => kills.look(1));
  expect(quiet.findIndex((v) => v !== undefined)).toBe(60);
  expect(quiet[60]).toHaveProperty("well");
});

test("the kernel's count", () => {
  expect(killsIn("low 0\nhigh 12\nmax 3\noom 2\noom_kill 7\noom_group_kill 1\n")).toBe(7);
  expect(killsIn("")).toBe(0);
});
