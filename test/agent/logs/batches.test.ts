import { describe, expect, test } from "vitest";
import { batchesOf, type Line } from "../../../agent/logs/batches.ts";
import { isUpTo, missingBetween } from "../../../agent/logs/cursor.ts";
import { placeOf, readEntry } from "../../../agent/logs/entry.ts";
import { SINK_LIMITS } from "../../../agent/ports/log-sink.ts";
import { isSource, partsOf, streamName } from "../../../agent/site/logs/streams.ts";
import { take } from "../../cloud/logs/put.ts";

const NOW = Date.parse("2030-01-10T12:00:00Z");
const line = (text: string, at = NOW, stream = "app/i-1"): Line => ({ text, at, stream, cursor: `c${at}` });
const same = (lines: readonly string[]) => [...lines];
const made = (lines: readonly Line[], ends = {}) => batchesOf(lines, ends, NOW, same);

describe("batches", () => {
  test("are what CloudWatch Logs takes, whatever the lines are", () => {
    const odd = [
      ...Array.from({ length: 25_000 }, (_, i) => line(`short ${i}`)),
      line("é".repeat(2_000_000)),
      line("x".repeat(SINK_LIMITS.bytes)),
      line("the clock went back", NOW - 1000),
      line("a day later", NOW + 25 * 3600_000),
    ];
    const batches = batchesOf(odd, {}, NOW + 26 * 3600_000, same);
    for (const { lines } of batches) {
      const events = lines.map(({ at, text }) => ({ timestamp: at, message: text }));
      expect(take(events, NOW + 26 * 3600_000, 0).rejected).toBeUndefined();
    }
    const all = batches.flatMap((b) => b.lines);
    expect(all.map((l) => l.text).join("")).toBe(odd.map((l) => l.text).join(""));
    expect(all.map((l) => l.at)).toEqual(all.map((l) => l.at).sort((a, b) => a - b));
  });

  test("a line of the future is one of now; one without a word is none", () => {
    const [batch] = made([line("x", NOW + 9e9), line("", NOW)]);
    expect(batch?.lines).toEqual([{ at: NOW, text: "x" }]);
  });

  test("tell how many lines a stream will show between their times", () => {
    const [first] = made([line("a"), line("b"), line("c", NOW - 5)]);
    expect([first?.shown, first?.end]).toEqual([3, { at: NOW, lines: 3 }]);
    const [next] = made([line("d")], { "app/i-1": first?.end });
    expect([next?.shown, next?.end]).toEqual([4, { at: NOW, lines: 4 }]);
    const [later] = made([line("e", NOW + 1)], { "app/i-1": { at: NOW - 9, lines: 4 } });
    expect(later?.shown).toBe(1);
  });

  test("lines that became fewer stand for all: the last one has the last cursor", () => {
    const [batch] = batchesOf([line("a", NOW - 2), line("b", NOW - 1), line("c")], {}, NOW, (l) =>
      l.slice(1),
    );
    expect([batch?.lines.length, batch?.to]).toEqual([2, `c${NOW}`]);
  });
});

describe("an entry of the journal", () => {
  const entry = (fields: object) =>
    readEntry(JSON.stringify({ __CURSOR: "s=1;i=2;", __REALTIME_TIMESTAMP: "1700000000123456", ...fields }));
  const place = (fields: object) => {
    const found = entry(fields);
    return found && placeOf(found);
  };

  test("has lines, in whichever form its message comes", () => {
    expect(entry({ MESSAGE: "a\r\nb\n" })).toMatchObject({ at: 1700000000123, lines: ["a", "b"] });
    expect(entry({ MESSAGE: [...Buffer.from("\u001b[31mé")] })?.lines).toEqual(["\u001b[31mé"]);
    expect(entry({ MESSAGE: ["a", [98]] })?.lines).toEqual(["a", "b"]);
    expect([entry({ MESSAGE: null })?.lines, entry({})?.lines]).toEqual([[], []]);
    expect([readEntry("-- reboot --"), readEntry("{}")]).toEqual([undefined, undefined]);
  });

  test.each([
    [{ _SYSTEMD_UNIT: "everspot-app@r1.service" }, "app", "r1"],
    [{ _SYSTEMD_UNIT: "everspot-prepare@r1.service" }, "app", "r1"],
    [{ _SYSTEMD_UNIT: "everspot-job-clear-up@20261126-1.service" }, "job:clear-up", "20261126-1"],
    [{ _SYSTEMD_UNIT: "everspot-worker-celery@r1.service" }, "worker:celery", "r1"],
    [{ _SYSTEMD_UNIT: "nginx.service", SYSLOG_IDENTIFIER: "access" }, "access", undefined],
    [{ _SYSTEMD_UNIT: "nginx-hold.service" }, "nginx", undefined],
    [{ _SYSTEMD_UNIT: "site-state@take-over.service" }, "state", undefined],
    [{ _SYSTEMD_UNIT: "everspot-run-x1@r1.service" }, "agent", undefined],
    [{ _PID: "1", UNIT: "everspot-app@r1.service", _SYSTEMD_UNIT: "init.scope" }, "app", "r1"],
    [{ _TRANSPORT: "kernel", PRIORITY: "3" }, "system", undefined],
  ])("%o is of %s", (fields, source, release) => {
    expect(place(fields)).toEqual({ source, release });
  });

  test("only systemd speaks for a unit, and only nginx of visitors", () => {
    const app = "everspot-app@r1.service";
    expect(place({ _SYSTEMD_UNIT: app, _PID: "77", UNIT: "everspot.service" })?.source).toBe("app");
    expect(place({ _SYSTEMD_UNIT: app, SYSLOG_IDENTIFIER: "access" })?.source).toBe("app");
  });

  test("what journald left out is reported where it is missing", () => {
    const fields = { _SYSTEMD_UNIT: "systemd-journald.service", PRIORITY: "4" };
    expect(place({ ...fields, MESSAGE: "Suppressed 12 messages from everspot-app@r1.service" })?.source).toBe(
      "app",
    );
    expect(place({ ...fields, MESSAGE: "Suppressed 12 messages from ssh.service" })?.source).toBe("system");
    expect(place({ _SYSTEMD_UNIT: "ssh.service", PRIORITY: "6" })).toBeUndefined();
  });
});

test("a cursor tells what is before it, and what is missing", () => {
  expect(isUpTo("s=a;i=1f;b=1", "s=a;i=20;b=1")).toBe(true);
  expect(isUpTo("s=a;i=21;b=1", "s=a;i=20;b=1")).toBe(false);
  expect(isUpTo("s=b;i=1;b=1", "s=a;i=20;b=1")).toBe(false);
  expect(missingBetween("s=a;i=9;b=1", "s=a;i=a;b=1")).toBe(0);
  expect(missingBetween("s=a;i=9;b=1", "s=a;i=1a;b=1")).toBe(16);
  expect(missingBetween("s=a;i=9;b=1", "s=b;i=1a;b=1")).toBe(0);
});

test.each([
  { source: "app", instance: "i-1", release: "20261126-1" },
  { source: "access", instance: "i-1", release: undefined },
  { source: "job:clear-up", instance: "i-1", release: "r1" },
])("the name of a stream tells what is in it: %o", (parts) => {
  expect(partsOf(streamName(parts))).toEqual(parts);
  expect(streamName(parts)).not.toMatch(/[:*]/);
});

test("what is no source is none", () => {
  expect([isSource("job:x"), isSource("job:"), isSource("x"), isSource("job:a/b")]).toEqual([
    ...[true, false, false, false],
  ]);
  expect([partsOf("x/i-1"), partsOf("app"), partsOf("app/i-1/r1/more")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
