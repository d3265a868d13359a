import type { ObjectStore } from "../site/store.ts";
import type { Redactor } from "./redactor.ts";

/**
 * Fields of the bucket's documents in which a person is told something, and which may therefore quote what the app
 * said. All others are names, times and states, which a secret of the same letters must not change.
 */
const TOLD = new Set(["blame", "detail", "error", "hint", "lines", "reason", "text", "warnings"]);

/** The same store; no document it writes tells a secret. Other objects (certificates, layers) are left as they are. */
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
    JSON.parse(body, (field, value: unknown) => (TOLD.has(field) ? told(value, redactor) : value)),
    null,
    1,
  );
}

function told(value: unknown, redactor: Redactor): unknown {
  if (typeof value === "string") return redactor.text(value);
  if (!Array.isArray(value) || !value.every((line) => typeof line === "string")) return value;
  return redactor.lines(value);
}
