import { describe, expect, test } from "vitest";
import {
  beginAttempt,
  type Channel,
  type ChannelFields,
  demote,
  fallbackOf,
  markGood,
  openCandidate,
  promote,
  publishCandidate,
  QUARANTINED_KEPT,
  quarantine,
  quarantineCandidate,
  quarantineSpent,
  reconfigure,
  releaseBefore,
  reserveCounter,
  rollBack,
  channel as schema,
  withdrawAttempt,
  withdrawCandidate,
} from "../../../agent/site/channel.ts";
import { messageOf } from "../../../agent/site/errors.ts";
import { releaseId } from "../../../agent/site/release.ts";

const AT = "2026-11-01T12:00:00.000Z";
const id = (n: number) => releaseId(n, "ab".repeat(32));
const attempt = (n: number) => ({ instance: `i-${n}`, at: AT });

/** "candidate 9, current 8": what each release is; `+` for each attempt with the candidate. "": no document. */
function parse(text: string): Channel | undefined {
  if (text === "no document") return undefined;
  const made: Channel = { version: 1, nonce: "n", counter: 20, quarantined: [] };
  for (const part of text.split(", ").filter((p) => p !== "nothing")) {
    const [role, number = ""] = part.split(" ");
    const release = id(Number.parseInt(number, 10));
    const tried = number.split("+").length - 1;
    if (role === "candidate")
      made.candidate = { id: release, attempts: Array.from({ length: tried }, (_, i) => attempt(i + 1)) };
    else if (role === "bad") made.quarantined.push({ id: release, at: AT, reason: "why" });
    else if (role === "good") made.lastKnownGood = release;
    else if (role === "current" || role === "previous") made[role] = release;
    else throw new Error(`no role: ${part}`);
  }
  return made;
}

function show(fields: ChannelFields): string {
  const { candidate, current, previous, lastKnownGood, quarantined, counter } = schema.parse({
    ...fields,
    nonce: "n",
  });
  const number = (release: string) => Number(release.slice(1, 7));
  const parts = [
    ...(counter % 20 === 0 ? [] : [`counter ${counter}`]),
    ...(candidate === undefined
      ? []
      : [`candidate ${number(candidate.id)}${"+".repeat(candidate.attempts.length)}`]),
    ...(current === undefined ? [] : [`current ${number(current)}`]),
    ...(previous === undefined ? [] : [`previous ${number(previous)}`]),
    ...(lastKnownGood === undefined ? [] : [`good ${number(lastKnownGood)}`]),
    ...quarantined.map((bad) => `bad ${number(bad.id)}`),
  ];
  return parts.join(", ") || "nothing";
}

const NINE = id(9);
type Transition = (channel: Channel | undefined) => ChannelFields | undefined;
/** An instance changes nothing where there is no document. */
const there =
  (change: (channel: Channel) => ChannelFields | undefined): Transition =>
  (channel) =>
    channel && change(channel);
/** Each of release 9. */
const transitions: Record<string, Transition> = {
  "reserve a number": reserveCounter,
  publish: (c) => publishCandidate(c, NINE),
  "roll back": (c) => rollBack(c, NINE),
  "withdraw the candidate": there((c) => withdrawCandidate(c, NINE)),
  "begin an attempt": there((c) => beginAttempt(c, NINE, attempt(3))),
  "withdraw an attempt": there((c) => withdrawAttempt(c, NINE, attempt(1))),
  quarantine: there((c) => quarantine(c, NINE, "why", AT)),
  "quarantine the candidate": there((c) => quarantineCandidate(c, NINE, "why", AT)),
  "quarantine what is spent": there((c) => quarantineSpent(c, "why", AT)),
  demote: there((c) => demote(c, NINE, "why", AT)),
  promote: there((c) => promote(c, NINE)),
  "mark good": there((c) => markGood(c, NINE)),
};

const states = [
  "no document",
  "nothing",
  "candidate 9",
  "current 8",
  "candidate 9, current 8",
  "candidate 9+, current 8, previous 7, good 7",
  "candidate 9++, current 8",
  "candidate 10++, current 9, previous 8",
  "current 9",
  "current 9, good 9",
  "current 9, previous 8, good 7",
  "current 9, previous 8, good 8",
  "current 9, previous 8, bad 8",
  "current 10, previous 9, good 9",
  "candidate 9+, current 10, previous 9, good 9",
  "current 8, bad 9",
  "candidate 10, current 8, bad 9",
  // As agents of before could leave it.
  "current 8, previous 9, good 9, bad 9",
];

/** What each transition makes of each state; of those that are not named, nothing: it is not to be written. */
const table: Record<string, Record<string, string>> = {
  "reserve a number": Object.fromEntries(
    states.map((state) => [
      state,
      state === "no document" ? "counter 1" : state === "nothing" ? "counter 21" : `counter 21, ${state}`,
    ]),
  ),
  publish: {
    "no document": "candidate 9",
    nothing: "candidate 9",
    "current 8": "candidate 9, current 8",
    "current 10, previous 9, good 9": "! release 10 was published while 9 was uploaded",
  },
  "roll back": {
    "no document": "! no release serves the site yet, so there is none to go back to",
    nothing: "! no release serves the site yet, so there is none to go back to",
    "candidate 9": "! no release serves the site yet, so there is none to go back to",
    "current 8": "candidate 9, current 8",
    "candidate 10++, current 9, previous 8": "! 9 is the current release already",
    "current 9": "! 9 is the current release already",
    "current 9, good 9": "! 9 is the current release already",
    "current 9, previous 8, good 7": "! 9 is the current release already",
    "current 9, previous 8, good 8": "! 9 is the current release already",
    "current 9, previous 8, bad 8": "! 9 is the current release already",
    "current 10, previous 9, good 9": "candidate 9, current 10, previous 9, good 9",
    "current 8, bad 9": `! 9 has been quarantined since ${AT}: why`,
    "candidate 10, current 8, bad 9": `! 9 has been quarantined since ${AT}: why`,
    "current 8, previous 9, good 9, bad 9": `! 9 has been quarantined since ${AT}: why`,
  },
  "withdraw the candidate": {
    "candidate 9": "nothing",
    "candidate 9, current 8": "current 8",
    "candidate 9+, current 8, previous 7, good 7": "current 8, previous 7, good 7",
    "candidate 9++, current 8": "current 8",
    "candidate 9+, current 10, previous 9, good 9": "current 10, previous 9, good 9",
  },
  "begin an attempt": {
    "candidate 9": "candidate 9+",
    "candidate 9, current 8": "candidate 9+, current 8",
    "candidate 9+, current 8, previous 7, good 7": "candidate 9++, current 8, previous 7, good 7",
    "candidate 9++, current 8": "candidate 9+++, current 8",
    "candidate 9+, current 10, previous 9, good 9": "candidate 9++, current 10, previous 9, good 9",
  },
  "withdraw an attempt": {
    "candidate 9+, current 8, previous 7, good 7": "candidate 9, current 8, previous 7, good 7",
    "candidate 9++, current 8": "candidate 9+, current 8",
    "candidate 9+, current 10, previous 9, good 9": "candidate 9, current 10, previous 9, good 9",
  },
  quarantine: {
    nothing: "bad 9",
    "candidate 9": "bad 9",
    "current 8": "current 8, bad 9",
    "candidate 9, current 8": "current 8, bad 9",
    "candidate 9+, current 8, previous 7, good 7": "current 8, previous 7, good 7, bad 9",
    "candidate 9++, current 8": "current 8, bad 9",
    "candidate 10++, current 9, previous 8": "candidate 10++, current 8, bad 9",
    "current 9": "bad 9",
    "current 9, good 9": "bad 9",
    "current 9, previous 8, good 7": "current 7, previous 8, good 7, bad 9",
    "current 9, previous 8, good 8": "current 8, good 8, bad 9",
    "current 9, previous 8, bad 8": "previous 8, bad 8, bad 9",
    "current 10, previous 9, good 9": "current 10, bad 9",
    "candidate 9+, current 10, previous 9, good 9": "current 10, bad 9",
    "current 8, previous 9, good 9, bad 9": "current 8, bad 9",
  },
  "quarantine the candidate": {
    "candidate 9": "bad 9",
    "candidate 9, current 8": "current 8, bad 9",
    "candidate 9+, current 8, previous 7, good 7": "current 8, previous 7, good 7, bad 9",
    "candidate 9++, current 8": "current 8, bad 9",
    "candidate 9+, current 10, previous 9, good 9": "current 10, bad 9",
  },
  "quarantine what is spent": {
    "candidate 9++, current 8": "current 8, bad 9",
    "candidate 10++, current 9, previous 8": "current 9, previous 8, bad 10",
  },
  demote: {
    "candidate 10++, current 9, previous 8": "candidate 10++, current 8, bad 9",
    "current 9, previous 8, good 7": "current 7, previous 8, good 7, bad 9",
    "current 9, previous 8, good 8": "current 8, good 8, bad 9",
  },
  promote: {
    nothing: "current 9",
    "current 8": "current 9, previous 8",
    "candidate 9": "current 9",
    "candidate 9, current 8": "current 9, previous 8",
    "candidate 9+, current 8, previous 7, good 7": "current 9, previous 8, good 7",
    "candidate 9++, current 8": "current 9, previous 8",
    "candidate 9+, current 10, previous 9, good 9": "current 9, previous 10, good 9",
    "current 8, bad 9": "current 9, previous 8",
    "candidate 10, current 8, bad 9": "candidate 10, current 9, previous 8",
    "current 8, previous 9, good 9, bad 9": "current 9, previous 8, good 9",
  },
  "mark good": {
    "candidate 10++, current 9, previous 8": "candidate 10++, current 9, previous 8, good 9",
    "current 9": "current 9, good 9",
    "current 9, previous 8, good 7": "current 9, previous 8, good 9",
    "current 9, previous 8, good 8": "current 9, previous 8, good 9",
    "current 9, previous 8, bad 8": "current 9, previous 8, good 9, bad 8",
  },
};

/** In the words of the table. */
function outcome(change: Transition, state: string): string | undefined {
  try {
    const fields = change(parse(state));
    return fields && show(fields);
  } catch (error) {
    return `! ${messageOf(error).replace(/r0+(\d+)-\w+/g, "$1")}`;
  }
}

test.each(Object.entries(transitions))("%s, from every state", (name, change) => {
  const made = states.flatMap((state) => {
    const result = outcome(change, state);
    return result === undefined ? [] : [[state, result]];
  });
  expect(Object.fromEntries(made)).toEqual(table[name]);
});

test("a transition that was made is not made again, whose answer was lost", () => {
  for (const [name, change] of Object.entries(transitions)) {
    // The next number is no one's, so that one may be lost; what is spent is another release the next time.
    if (name === "reserve a number") continue;
    for (const state of Object.keys(table[name] ?? {})) {
      const once = outcome(change, state) ?? "";
      if (once.startsWith("!") || (name === "begin an attempt" && once.includes("+++"))) continue;
      const fields = change(parse(state));
      expect(change(fields && { ...fields, nonce: "m" }), `${name}: ${state}`).toBeUndefined();
    }
  }
});

test("a quarantined release has no other part", () => {
  for (const name of ["quarantine", "quarantine the candidate", "quarantine what is spent", "demote"]) {
    for (const after of Object.values(table[name] ?? {})) {
      const bad = /bad (\d+)$/.exec(after)?.[1];
      expect(after.split(", ").filter((part) => part.split(" ")[1] === bad)).toHaveLength(1);
    }
  }
});

test.each([
  ["quarantine", (c: Channel, n: number) => quarantine(c, id(n), "bad", AT)],
  [
    "spent candidates",
    (c: Channel, n: number) =>
      quarantineSpent({ ...c, candidate: { id: id(n), attempts: [attempt(1), attempt(2)] } }, "bad", AT),
  ],
  [
    "demote",
    (c: Channel, n: number) => demote({ ...c, current: id(n), lastKnownGood: id(1) }, id(n), "bad", AT),
  ],
] as const)("a site of bad releases stays small: %s", (_, makeBad) => {
  let now: Channel = { version: 1, nonce: "n", counter: 99, quarantined: [] };
  for (let n = 2; n < 70; n++) now = schema.parse({ ...(makeBad(now, n) ?? now), nonce: "n" });
  expect(now.quarantined.map((bad) => bad.id)).toEqual(
    Array.from({ length: QUARANTINED_KEPT }, (_, i) => id(i + 70 - QUARANTINED_KEPT)),
  );
});

test.each([
  ["candidate 9, current 8", id(9)],
  ["candidate 9+, current 8", id(9)],
  ["candidate 9++, current 8", undefined],
  ["current 8", undefined],
])("the candidate that may be tried, of %s", (state, expected) => {
  expect(openCandidate(parse(state) as Channel)).toBe(expected);
});

describe("a candidate that came with a version of the launch template", () => {
  const made = schema.parse({
    ...publishCandidate(parse("current 8"), NINE, 3),
    nonce: "n",
  });

  test("is for machines of that version, of a later one, and of one that no one knows", () => {
    expect([2, 3, 4, undefined].map((template) => openCandidate(made, template))).toEqual([
      undefined,
      NINE,
      NINE,
      NINE,
    ]);
  });

  test("is tried again when it comes with a later one, and only then", () => {
    const tried = beginAttempt(made, NINE, attempt(1)) ?? made;
    const again = reconfigure({ ...tried, nonce: "n" }, NINE, 4);
    expect(again?.candidate).toEqual({ id: NINE, attempts: [], template: 4 });
    expect(reconfigure({ ...made, ...again }, NINE, 4)).toBeUndefined();
    expect(reconfigure(made, id(7), 4)).toBeUndefined();
  });
});

test("a channel is of version 2 only while it holds what version 1 cannot say", () => {
  const version = (fields: ChannelFields | undefined) => schema.parse({ ...fields, nonce: "n" }).version;
  const before = parse("current 8") as Channel;
  expect(version(publishCandidate(before, NINE))).toBe(1);
  const candidate = schema.parse({ ...publishCandidate(before, NINE, 3), nonce: "n" });
  expect(candidate.version).toBe(2);
  expect(version(promote(candidate, NINE))).toBe(1);
  expect(version(quarantine(candidate, NINE, "why", AT))).toBe(1);
  expect(version(quarantine(candidate, NINE, "why", AT, ["ImportError"]))).toBe(2);
});

test("what a quarantined release said last is kept of the newest three", () => {
  let now = parse("current 1") as Channel;
  for (let n = 2; n < 7; n++)
    now = schema.parse({ ...quarantine(now, id(n), "why", AT, [`line of ${n}`]), nonce: "n" });
  expect(now.quarantined.map((bad) => bad.lines)).toEqual([
    undefined,
    undefined,
    ...[4, 5, 6].map((n) => [`line of ${n}`]),
  ]);
});

test.each([
  ["current 9, previous 8, good 7", id(7)],
  ["current 9, previous 8", id(8)],
  ["current 9, previous 8, good 9", id(8)],
  ["current 9, previous 8, bad 8", undefined],
  ["current 9", undefined],
])("what 9 falls back to, of %s", (state, expected) => {
  expect(fallbackOf(parse(state) as Channel, NINE)).toBe(expected);
});

test.each([
  ["current 9, previous 8, good 7", "8"],
  ["current 9, good 7", "7"],
  ["current 9, previous 9, good 7", "7"],
  ["current 9, good 9", "! there is no release before 9"],
  ["no document", "! no release serves the site yet, so there is none to go back to"],
])("the release before, of %s", (state, expected) => {
  const before: Transition = (c) => ({ version: 1, counter: 20, quarantined: [], current: releaseBefore(c) });
  expect(outcome(before, state)?.replace("current ", "")).toBe(expected);
});
