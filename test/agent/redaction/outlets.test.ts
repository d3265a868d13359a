import { expect, test } from "vitest";
import type { Notice } from "../../../agent/notify/notify.ts";
import { redactingNotify, redactingStore, redactingUnits } from "../../../agent/redaction/outlets.ts";
import { Redactor } from "../../../agent/redaction/redactor.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import type { Units } from "../../../agent/system/units.ts";

test("what a document tells has no secret in it; names and states stay, whatever the secret", async () => {
  const written: unknown[] = [];
  const redactor = new Redactor();
  redactor.learn({ STATE: "serving", TOKEN: 'tok"en-12345' });
  const store = redactingStore(
    {
      url: "s3://bucket",
      put: async (...given: unknown[]) => {
        written.push(given);
        return { etag: "1", date: new Date(0) };
      },
    } as unknown as ObjectStore,
    redactor,
  );
  const document = {
    state: "serving",
    blame: 'KeyError: tok"en-12345',
    steps: [{ name: "serving", error: "it is serving", lines: ['a tok"en', "-12345 b", "c"] }],
    events: [{ at: "2026-01-01T00:00:00Z", text: "tok%22en-12345" }],
  };
  await store.put("boots/i-1.json", JSON.stringify(document), { ifNoneMatch: "*" });
  const bytes = new Uint8Array([1]);
  await store.put("certificates/x", bytes);

  expect(JSON.parse((written[0] as [string, string])[1])).toEqual({
    state: "serving",
    blame: "KeyError: [redacted]",
    steps: [{ name: "serving", error: "it is [redacted]", lines: ["a [redacted] b", "c"] }],
    events: [{ at: "2026-01-01T00:00:00Z", text: "[redacted]" }],
  });
  expect((written[0] as unknown[])[2]).toEqual({ ifNoneMatch: "*" });
  expect(written[1]).toEqual(["certificates/x", bytes]);
});

const learnt = () => {
  const redactor = new Redactor();
  redactor.learn({ TOKEN: "tok-12345" });
  return redactor;
};

test("what a unit wrote has no secret in it, before anything is cut off", async () => {
  const units = { lines: async () => ["a tok-1", "2345 b"] } as unknown as Units;
  expect(await redactingUnits(units, learnt()).lines("app.service", 40)).toEqual(["a [redacted] b"]);
});

test("a notice has no secret in it", async () => {
  const sent: Notice[] = [];
  const notify = redactingNotify(async (notice) => void sent.push(notice), learnt());
  await notify({ kind: "certificate", text: "the certificate: tok-12345" });
  expect(sent).toEqual([{ kind: "certificate", text: "the certificate: [redacted]" }]);
});
