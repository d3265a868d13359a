import { expect, test } from "vitest";
import { Changes } from "../../../agent/state/media/changes.ts";

const MS = 1_000_000n;
const REST = 100;
const at = (ms: number) => 1_000_000n * MS + BigInt(ms) * MS;

test("an upload is read once nothing was written to it for a while", () => {
  const changes = new Changes();
  for (const ms of [0, 60, 120]) changes.note("a", at(ms));
  expect(changes.due(at(200), REST, 9)).toEqual([]);
  expect(changes.dueIn(at(200), REST)).toBe(20);
  expect(changes.due(at(220), REST, 9)).toEqual(["a"]);
});

test("one that is written to all the time is read anyway, as a copy", () => {
  const changes = new Changes();
  for (let ms = 0; ms <= 5_000; ms += 50) changes.note("a", at(ms));
  expect(changes.due(at(4_990), REST, 9)).toEqual([]);
  expect(changes.due(at(5_000), REST, 9)).toEqual(["a"]);
  expect(changes.isRestless("a", at(5_001))).toBe(true);
});

test("what an answer may tell of is safe once no change from before is left", () => {
  const changes = new Changes();
  expect(changes.covered(at(0))).toBe(at(0));
  changes.note("a", at(10));
  changes.note("b", at(20));
  expect(changes.covered(at(30))).toBe(at(10));
  changes.begin("a");
  // Its content may have been read before this.
  changes.note("a", at(40));
  changes.end("a");
  expect(changes.covered(at(50))).toBe(at(20));
  changes.begin("b");
  changes.end("b");
  expect(changes.covered(at(60))).toBe(at(40));
  changes.begin("a");
  changes.end("a");
  expect(changes.covered(at(60))).toBe(at(60));
  expect(changes.size).toBe(0);
});

test("one that could not be sent stays what it was, and is tried again later", () => {
  const changes = new Changes();
  changes.note("a", at(0));
  changes.begin("a");
  changes.note("a", at(5));
  changes.again("a", at(1_000));
  expect(changes.covered(at(500))).toBe(at(0));
  expect([changes.due(at(999), REST, 9), changes.due(at(1_000), REST, 9)]).toEqual([[], ["a"]]);
});

test("a change that is found later counts from when it may have been made", () => {
  const changes = new Changes();
  changes.note("a", at(50));
  changes.note("a", at(55), { since: at(10) });
  expect(changes.covered(at(60))).toBe(at(10));
  // What it learnt a moment ago may have been changed before the answer that is being given.
  changes.note("b", at(61), { since: at(5) });
  expect(changes.covered(at(60))).toBe(at(5));
  changes.note("moved in", at(0), { counts: false });
  expect(changes.covered(at(60))).toBe(at(5));
});
