/** Intents in the bucket's ledger: written before the CA is asked, completed after (DESIGN §10). */
import { randomUUID } from "node:crypto";
import { type Answer, LEASE, mayOrder, prune, running } from "../site/certificate-ledger.ts";
import { type Attempt, type CertificateLedger, ledgerDocument } from "../site/certificates.ts";
import type { Clock } from "../site/clock.ts";
import { updateDocument } from "../site/document.ts";
import type { ObjectStore } from "../site/store.ts";

export interface Orderer {
  instance: string;
  /** New at every start of the agent. */
  process: string;
}

export type Permission = { intent: { id: string; at: Date } } | Extract<Answer, { may: false }>;

/**
 * Writes an intent if the rules allow one now. Of several simultaneous callers, one gets it.
 * @throws EverspotError when the ledger cannot be read or written: then no one may order.
 */
export async function begin(
  store: ObjectStore,
  clock: Clock,
  names: readonly string[],
  directory: string,
  orderer: Orderer,
): Promise<Permission> {
  const id = randomUUID();
  let answer: Answer | undefined;
  // The bucket's time comes with a read, so there must be something to read.
  await updateDocument(
    store,
    ledgerDocument(names),
    (current) => (current === undefined ? { version: 1, names: [...names], directories: {} } : undefined),
    clock,
  );
  let at: Date | undefined;
  await updateDocument(
    store,
    ledgerDocument(names),
    (current, date) => {
      if (current === undefined || date === undefined)
        throw new Error("the ledger vanished while it was read");
      at = date;
      const ledger = closeDead(current, orderer, date);
      const attempts = ledger.directories[directory] ?? [];
      answer = mayOrder(attempts, date);
      // One order at a time, whatever CA it goes to.
      const other = running(Object.values(ledger.directories).flat(), date);
      if (other !== undefined) answer = { may: false, reason: "ordering", until: new Date(other.lease) };
      if (!answer.may) return ledger === current ? undefined : ledger;
      const intent: Attempt = {
        id,
        by: orderer.instance,
        process: orderer.process,
        at: date.toISOString(),
        lease: new Date(date.getTime() + LEASE).toISOString(),
      };
      return {
        ...ledger,
        directories: { ...ledger.directories, [directory]: prune([...attempts, intent], date) },
      };
    },
    clock,
  );
  if (answer === undefined || at === undefined) throw new Error("the ledger gave no answer");
  return answer.may ? { intent: { id, at } } : answer;
}

/** An earlier process of this instance cannot end what it began; its ACME client died with it. */
function closeDead(ledger: CertificateLedger, orderer: Orderer, now: Date): CertificateLedger {
  const dead = (a: Attempt): boolean =>
    a.by === orderer.instance && a.process !== orderer.process && a.outcome === undefined;
  const close = (a: Attempt): Attempt =>
    dead(a)
      ? { ...a, ended: now.toISOString(), outcome: "unknown", error: "the process that ordered it died" }
      : a;
  if (!Object.values(ledger.directories).flat().some(dead)) return ledger;
  const entries = Object.entries(ledger.directories).map(([url, attempts]) => [url, attempts.map(close)]);
  return { ...ledger, directories: Object.fromEntries(entries) };
}

export type End = Pick<Attempt, "certificate" | "error"> & {
  outcome: NonNullable<Attempt["outcome"]>;
  /** ms from now; the ledger keeps the moment, in the bucket's time. */
  retryAfter?: number | undefined;
};

/** Completes an intent. Can be repeated. @throws EverspotError */
export async function end(
  store: ObjectStore,
  clock: Clock,
  names: readonly string[],
  intent: string,
  result: End,
): Promise<void> {
  await updateDocument(
    store,
    ledgerDocument(names),
    (current, date) => {
      const open = Object.values(current?.directories ?? {}).some((attempts) =>
        attempts.some((a) => a.id === intent && a.outcome === undefined),
      );
      if (current === undefined || !open) return undefined;
      const { retryAfter, ...rest } = result;
      const now = date ?? new Date(clock.now());
      const close = (a: Attempt): Attempt =>
        a.id !== intent
          ? a
          : {
              ...a,
              ...rest,
              ended: now.toISOString(),
              retryAt:
                retryAfter === undefined ? undefined : new Date(now.getTime() + retryAfter).toISOString(),
            };
      const entries = Object.entries(current.directories).map(([url, list]) => [url, list.map(close)]);
      return { ...current, directories: Object.fromEntries(entries) };
    },
    clock,
  );
}
