import { expect, test } from "vitest";
import { isLate, renewalTime } from "../../../agent/site/certificate-due.ts";

const DAY = 24 * 3600_000;
const START = Date.UTC(2026, 10, 21);
const of = (days: number) => ({ notBefore: new Date(START), notAfter: new Date(START + days * DAY) });
const dayOf = (date: Date) => (date.getTime() - START) / DAY;

test.each([
  { days: 90, earliest: 60, latest: 61 },
  { days: 64, earliest: 64 * (2 / 3), latest: 64 * (2 / 3) + 1 },
  { days: 45, earliest: 30, latest: 31 },
  { days: 12, earliest: 8, latest: 8.4 },
  { days: 10, earliest: 5, latest: 5 + 10 / 30 },
  { days: 160 / 24, earliest: 80 / 24, latest: 80 / 24 + 160 / 24 / 30 },
  { days: 6, earliest: 3, latest: 3.2 },
])("a $days-day certificate is due from day $earliest to $latest", ({ days, earliest, latest }) => {
  expect(dayOf(renewalTime(of(days), 0))).toBeCloseTo(earliest, 5);
  expect(dayOf(renewalTime(of(days), 0.999999))).toBeCloseTo(latest, 3);
  expect(dayOf(renewalTime(of(days), 0.5))).toBeCloseTo((earliest + latest) / 2, 3);
});

test.each([90, 45, 6])("a %i-day certificate is late in its last quarter only", (days) => {
  expect(isLate(of(days), new Date(START + days * 0.74 * DAY))).toBe(false);
  expect(isLate(of(days), new Date(START + days * 0.76 * DAY))).toBe(true);
  expect(isLate(of(days), new Date(START + days * 2 * DAY))).toBe(true);
});
