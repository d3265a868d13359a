import { describe, expect, test } from "vitest";
import { budget, LEASE, mayOrder, prune } from "../../../agent/site/certificate-ledger.ts";
import type { Attempt } from "../../../agent/site/certificates.ts";
import { Limits } from "../../cloud/ca/limits.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 21, 12);
const now = new Date(NOW);
let count = 0;

/** An attempt `ago` ms before now; without outcome it has not ended. */
function attempt(ago: number, outcome?: Attempt["outcome"], more: Partial<Attempt> = {}): Attempt {
  const at = NOW - ago;
  const ended = outcome === undefined ? {} : { outcome, ended: new Date(at).toISOString() };
  const lease = new Date(at + LEASE).toISOString();
  return {
    id: `a${count++}`,
    by: "i-1",
    process: "p",
    at: new Date(at).toISOString(),
    lease,
    ...ended,
    ...more,
  };
}
const inMs = (ms: number) => new Date(NOW + ms);

describe("an order may begin", () => {
  test.each<[string, Attempt[]]>([
    ["at first", []],
    ["right after a success", [attempt(1000, "issued")]],
    ["1 min after a failure", [attempt(MINUTE, "failed")]],
    ["1 min after an attempt without end whose lease is over", [attempt(LEASE)]],
    ["5 min after the second failure", [attempt(20 * MINUTE, "failed"), attempt(5 * MINUTE, "failed")]],
    ["whatever was before the last success", [attempt(58 * MINUTE, "failed"), attempt(1, "issued")]],
    ["however often nobody asked the CA", [1, 2, 3, 4, 5].map((n) => attempt(n, "unneeded"))],
    ["with 3 issuances in a week", [3, 4, 5].map((n) => attempt(n * DAY, "issued"))],
    ["with 4 issuances, one just a week ago", [7, 4, 3, 2].map((n) => attempt(n * DAY, "issued"))],
    [
      "once the time the CA asked for has come",
      [attempt(2 * HOUR, "failed", { retryAt: new Date(NOW).toISOString() })],
    ],
  ])("%s", (_, attempts) => {
    expect(mayOrder(attempts, now)).toEqual({ may: true });
  });
});

describe("an order must wait", () => {
  test.each<[string, Attempt[], string, number]>([
    ["for another that runs", [attempt(1000)], "ordering", LEASE - 1000],
    ["1 min after a failure", [attempt(1000, "failed")], "backing-off", MINUTE - 1000],
    [
      "5 min after the second",
      [attempt(HOUR, "failed"), attempt(MINUTE, "failed")],
      "backing-off",
      4 * MINUTE,
    ],
    [
      "15 min after the third",
      [attempt(3 * HOUR, "failed"), attempt(2 * HOUR, "failed"), attempt(MINUTE, "unknown")],
      "backing-off",
      14 * MINUTE,
    ],
    ["1 h after the fourth", [4, 3, 2, 0].map((h) => attempt(h * HOUR, "failed")), "backing-off", HOUR],
    ["6 h after the fifth", [5, 4, 3, 2, 0].map((h) => attempt(h * HOUR, "failed")), "backing-off", 6 * HOUR],
    [
      "24 h after the sixth and any later",
      [9, 8, 7, 6, 5, 4, 0].map((h) => attempt(h * HOUR, "failed")),
      "backing-off",
      DAY,
    ],
    [
      "when 3 were made in the hour",
      [attempt(50 * MINUTE, "failed"), attempt(40 * MINUTE, "failed"), attempt(30 * MINUTE, "issued")],
      "attempts",
      10 * MINUTE,
    ],
    ["when 4 were issued in the week", [6, 5, 4, 3].map((d) => attempt(d * DAY, "issued")), "issuances", DAY],
    [
      "when 4 may have been issued",
      [attempt(6 * DAY), attempt(5 * DAY, "unknown"), attempt(4 * DAY, "issued"), attempt(3 * DAY)],
      "issuances",
      DAY,
    ],
    [
      "for as long as the CA asked",
      [attempt(10 * MINUTE, "failed", { retryAt: inMs(3 * HOUR).toISOString() })],
      "asked-to-wait",
      3 * HOUR,
    ],
    [
      "for the longest of several reasons",
      [
        attempt(0, "failed", { retryAt: inMs(2 * DAY).toISOString() }),
        ...[6, 5, 4, 3].map((d) => attempt(d * DAY, "issued")),
      ],
      "asked-to-wait",
      2 * DAY,
    ],
  ])("%s", (_, attempts, reason, wait) => {
    expect(mayOrder(attempts, now)).toEqual({ may: false, reason, until: inMs(wait) });
  });
});

/** Orders the moment the rules allow it; `made` tells the CA what became of it. */
function eager(outcome: Attempt["outcome"], days: number, made: (ca: Limits, time: number) => void): number {
  const ca = new Limits();
  let attempts: Attempt[] = [];
  let orders = 0;
  let time = NOW;
  while (time < NOW + days * DAY) {
    const answer = mayOrder(attempts, new Date(time));
    if (!answer.may) {
      expect(mayOrder(attempts, new Date(answer.until.getTime() - 1)).may).toBe(false);
      time = answer.until.getTime();
      continue;
    }
    expect(ca.order("account", ["example.test"], time)).toBeUndefined();
    made(ca, time);
    orders++;
    attempts = prune([...attempts, attempt(NOW - time, outcome)], new Date(time));
  }
  return orders;
}

test.each(["issued", "unknown", undefined] as const)(
  "whoever orders as soon as the rules allow is never refused by the CA, if every attempt ends as %s",
  (outcome) => {
    const orders = eager(outcome, 60, (ca, time) => ca.issued(["example.test"], time));
    expect(orders).toBeGreaterThanOrEqual(32);
    expect(orders).toBeLessThanOrEqual(36);
  },
);

test("whoever retries failed validations as soon as the rules allow is never refused", () => {
  expect(eager("failed", 30, (ca, time) => ca.failed("account", "example.test", time))).toBeGreaterThan(20);
});

describe("the budget", () => {
  test("is whole without attempts", () => {
    expect(budget([], now)).toEqual({
      issuances: { left: 4, of: 4, nextBack: undefined },
      attempts: { left: 3, of: 3, nextBack: undefined },
    });
  });
  test("says what is left and when the next comes back", () => {
    const attempts = [
      attempt(8 * DAY, "issued"),
      attempt(5 * DAY, "issued"),
      attempt(30 * MINUTE, "failed"),
      attempt(MINUTE),
    ];
    expect(budget(attempts, now)).toEqual({
      issuances: { left: 2, of: 4, nextBack: inMs(2 * DAY) },
      attempts: { left: 1, of: 3, nextBack: inMs(30 * MINUTE) },
    });
  });
});

test("pruning keeps everything a rule looks at, and the last fifty", () => {
  const old = Array.from({ length: 80 }, (_, i) => attempt((200 - i) * DAY, "issued"));
  const recent = Array.from({ length: 60 }, (_, i) => attempt(HOUR + i, "failed"));
  expect(prune(old, now)).toEqual(old.slice(-50));
  expect(prune([...old, ...recent], now)).toEqual(recent);
});
