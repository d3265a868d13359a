import { expect, test } from "vitest";
import { type Channel, channel as schema } from "../../../agent/site/records.ts";
import {
  type ChannelFields,
  counterOf,
  publishCandidate,
  quarantine,
  releaseId,
  reserveCounter,
  rollBack,
  withdrawCandidate,
} from "../../../provisioner/release/channel.ts";

const AT = "2026-11-01T12:00:00.000Z";
const id = (n: number) => releaseId(n, "ab".repeat(32));

function channel(fields: Partial<Channel> = {}): Channel {
  return { version: 1, nonce: "n", counter: 9, quarantined: [], ...fields };
}
const candidate = (n: number, attempts = 0) => ({
  id: id(n),
  attempts: Array.from({ length: attempts }, () => ({ instance: "i-1", at: AT })),
});

/** What stays when the nonce and what never changes are taken away. */
function shown(fields: ChannelFields | undefined) {
  if (fields === undefined) return undefined;
  const { nonce: _nonce, version: _version, ...rest } = schema.parse({ nonce: "x", ...fields });
  return rest;
}

test("ids sort by number and tell contents apart", () => {
  expect(id(12)).toBe("r000012-abababab");
  expect([id(1_000_000), id(10), id(9)].map(counterOf)).toEqual([1_000_000, 10, 9]);
  expect([id(10), id(9)].sort()).toEqual([id(9), id(10)]);
  expect(counterOf("something-else")).toBe(0);
});

test("the first number of a site is 1; a number is given once", () => {
  expect(shown(reserveCounter(undefined))).toEqual({ counter: 1, quarantined: [] });
  expect(shown(reserveCounter(channel({ current: id(9) })))).toMatchObject({ counter: 10, current: id(9) });
});

test.each<[string, Channel | undefined, object | undefined]>([
  ["of an empty channel", undefined, { counter: 0, candidate: candidate(9), quarantined: [] }],
  [
    "beside what serves",
    channel({ current: id(8), lastKnownGood: id(8) }),
    { candidate: candidate(9), current: id(8) },
  ],
  ["instead of an older candidate", channel({ candidate: candidate(7, 1) }), { candidate: candidate(9) }],
  ["that is the candidate already", channel({ candidate: candidate(9, 1) }), undefined],
  ["that was promoted already", channel({ current: id(9) }), undefined],
])("publishing a candidate %s", (_what, before, after) => {
  const result = shown(publishCandidate(before, id(9)));
  if (after === undefined) expect(result).toBeUndefined();
  else expect(result).toMatchObject(after);
});

test("publishing after somebody else's later release is an error that names it", () => {
  expect(() => publishCandidate(channel({ candidate: candidate(10) }), id(9))).toThrow(id(10));
  expect(() => publishCandidate(channel({ current: id(10) }), id(9))).toThrow(id(10));
});

const bad = (n: number) => ({ quarantined: [{ id: id(n), at: AT, reason: "why" }] });

test.each<[string, Partial<Channel>, number, object | undefined]>([
  [
    "a candidate",
    { candidate: candidate(9, 2), current: id(8) },
    9,
    { counter: 9, current: id(8), ...bad(9) },
  ],
  [
    "what serves: the last known good follows",
    { current: id(9), previous: id(8), lastKnownGood: id(7) },
    9,
    { counter: 9, current: id(7), previous: id(8), lastKnownGood: id(7), ...bad(9) },
  ],
  [
    "what serves, without a good one: the previous follows",
    { current: id(9), previous: id(8) },
    9,
    { counter: 9, current: id(8), ...bad(9) },
  ],
  [
    "what serves and was good",
    { current: id(9), previous: id(8), lastKnownGood: id(9) },
    9,
    { counter: 9, current: id(8), ...bad(9) },
  ],
  ["the only release", { current: id(9), lastKnownGood: id(9) }, 9, { counter: 9, ...bad(9) }],
  [
    "another one: the candidate stays",
    { candidate: candidate(9), current: id(8), previous: id(7) },
    7,
    { counter: 9, candidate: candidate(9), current: id(8), ...bad(7) },
  ],
  ["one that is quarantined already", bad(9), 9, undefined],
])("quarantine of %s", (_what, before, n, after) => {
  expect(shown(quarantine(channel(before), id(n), "why", AT))).toEqual(after);
});

test("the list of quarantined releases does not grow for ever", () => {
  let now: ChannelFields = channel();
  for (let n = 1; n <= 60; n++) now = quarantine({ nonce: "", ...now }, id(n), "why", AT) ?? now;
  expect(now.quarantined).toHaveLength(50);
  expect(now.quarantined.at(-1)?.id).toBe(id(60));
});

test("a candidate is withdrawn without blame, and only if it is the one", () => {
  expect(shown(withdrawCandidate(channel({ candidate: candidate(9), current: id(8) }), id(9)))).toEqual({
    counter: 9,
    current: id(8),
    quarantined: [],
  });
  expect(withdrawCandidate(channel({ candidate: candidate(10) }), id(9))).toBeUndefined();
});

test.each<[string, Partial<Channel>, string | undefined, string]>([
  ["to the previous one", { current: id(9), previous: id(8), lastKnownGood: id(7) }, undefined, id(8)],
  ["to the last known good one", { current: id(9), lastKnownGood: id(7) }, undefined, id(7)],
  ["to a named one", { current: id(9), previous: id(8) }, id(3), id(3)],
  [
    "when the previous one is current itself",
    { current: id(9), previous: id(9), lastKnownGood: id(7) },
    undefined,
    id(7),
  ],
])("rolling back %s", (_what, before, to, expected) => {
  const after = rollBack(channel(before), to);
  expect(shown(after)).toMatchObject({ candidate: { id: expected, attempts: [] }, current: id(9) });
});

test.each<[string, Channel | undefined, string | undefined, RegExp]>([
  ["a site without a release", undefined, undefined, /no release serves/],
  [
    "a site with one release",
    channel({ current: id(9), lastKnownGood: id(9) }),
    undefined,
    /no release before r000009/,
  ],
  ["the current release", channel({ current: id(9) }), id(9), /is the current release already/],
  [
    "a quarantined release",
    channel({ current: id(9), previous: id(8), ...bad(8) }),
    undefined,
    /quarantined since 2026.*why/,
  ],
])("no rolling back: %s", (_what, before, to, message) => {
  expect(() => rollBack(before, to)).toThrow(message);
});
