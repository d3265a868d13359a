/** The ways by which something leaves the machine, each with the secrets taken out. */
import type { Notify } from "../notify/notify.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Units } from "../system/units.ts";
import type { Redactor } from "./redactor.ts";

/**
 * Fields of the bucket's documents that are written for people, and may therefore quote what the app said. All others are names, times and states, which a secret of the same letters must not change.
 */
const SHOWN = new Set(["blame", "detail", "error", "hint", "lines", "reason", "text", "warnings"]);

/** The same store; no document it writes reveals a secret. Other objects (certificates, layers) are left as they are. */
export function redactingStore(store: ObjectStore, redactor: Redactor): ObjectStore {
  return {
    ...store,
    put: (key, body, ...rest) =>
      store.put(key, typeof body === "string" ? redactDocument(body, redactor) : body, ...rest),
  };
}

/** @param body JSON. */
function redactDocument(body: string, redactor: Redactor): string {
  return JSON.stringify(
    JSON.parse(body, (field, value: unknown) => (SHOWN.has(field) ? redacted(value, redactor) : value)),
    null,
    1,
  );
}

function redacted(value: unknown, redactor: Redactor): unknown {
  if (typeof value === "string") return redactor.text(value);
  if (!Array.isArray(value) || !value.every((line) => typeof line === "string")) return value;
  return redactor.lines(value);
}

/** The same notices without a secret. */
export const redactingNotify =
  (notify: Notify, redactor: Redactor): Notify =>
  (notice) =>
    notify({ ...notice, text: redactor.text(notice.text) });

/** What a unit wrote, redacted before a part of it is quoted: half a secret would not be recognized. */
export const redactingUnits = (units: Units, redactor: Redactor): Units => ({
  ...units,
  lines: async (unit, count) => redactor.lines(await units.lines(unit, count)),
});
