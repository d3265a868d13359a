import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatMoment, parseMoment } from "../../../provisioner/operator/moment.ts";

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = "Europe/Berlin";
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

/** 11:15 in Berlin. */
const now = new Date("2026-11-26T10:15:00Z");

describe("a moment as a person writes it, in the zone of the computer unless it says which:", () => {
  test.each([
    ["10:30", "2026-11-26T09:30:00.000Z"],
    ["9:05:07", "2026-11-26T08:05:07.000Z"],
    // Not yet today: the last one that was.
    ["23:00", "2026-11-25T22:00:00.000Z"],
    ["2026-11-26 10:30", "2026-11-26T09:30:00.000Z"],
    ["2026-07-01 8:30", "2026-07-01T06:30:00.000Z"],
    ["2026-11-26T10:00:00Z", "2026-11-26T10:00:00.000Z"],
    ["2026-11-26T10:00:00.250Z", "2026-11-26T10:00:00.250Z"],
    ["2026-11-26 10:00 +0530", "2026-11-26T04:30:00.000Z"],
    ["2026-11-26", "2026-11-25T23:00:00.000Z"],
    ["15m", "2026-11-26T10:00:00.000Z"],
    ["2d", "2026-11-24T10:15:00.000Z"],
  ])("%s", (text, expected) => {
    expect(parseMoment(text, now).toISOString()).toBe(expected);
  });

  test.each(["soon", "", "25:00", "10:61", "2026-13-01", "10.30", "1030"])("not %j", (text) => {
    expect(() => parseMoment(text, now)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test("none to come", () => {
    expect(() => parseMoment("2026-11-26 12:00", now)).toThrow("2026-11-26 12:00:00 +01:00 is still to come");
  });
});

test("a moment as a person reads it has its zone, summer or winter", () => {
  expect(formatMoment(now)).toBe("2026-11-26 11:15:00 +01:00");
  expect(formatMoment(new Date("2026-07-01T06:30:00Z"))).toBe("2026-07-01 08:30:00 +02:00");
});
