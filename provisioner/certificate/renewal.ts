/** Asks the owner's agent for a new certificate before it is due, and follows what comes of it. */
import {
  type Attempt,
  type CertificatePointer,
  type Issuance,
  ledgerDocument,
  pointerDocument,
  withRequest,
} from "../../agent/site/certificates.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import type { ReadServed } from "../operator/served.ts";

export interface Request {
  at: string;
  /** Id of what was the newest. */
  before: string | undefined;
}

/** Leaves the request in the pointer. One that is there already is kept. @throws EverspotError */
export async function requestRenewal(
  store: ObjectStore,
  names: readonly string[],
  by: string,
  clock: Clock,
): Promise<Request> {
  const { value } = await updateDocument(
    store,
    pointerDocument(names),
    (current, date) => {
      if (current === undefined || date === undefined) throw nothingStored(names);
      return withRequest(current, { by, at: date.toISOString() });
    },
    clock,
  );
  if (value?.requested === undefined) throw nothingStored(names);
  return { at: value.requested.at, before: value.issuances[0]?.id };
}

export const nothingStored = (names: readonly string[]): EverspotError =>
  new EverspotError(`no certificate is stored for ${names.join(", ")} yet`, {
    hint: "the instance orders the first one by itself; `everspot status` shows how that is going",
  });

/**
 * Waits until there is a newer certificate in the bucket.
 * @throws EverspotError with the reason when the agent gave up the request, or at the deadline.
 */
export const untilIssued = (
  store: ObjectStore,
  names: readonly string[],
  request: Request,
  how: { seconds: number; clock: Clock; say: (text: string) => void },
): Promise<Issuance> => {
  let said = "";
  const tell = (text: string): { waiting: string } => {
    if (text !== said) how.say(text);
    said = text;
    return { waiting: text };
  };
  return poll(
    "a new certificate",
    async () => {
      // The ledger first: an end that it records is then in the pointer too.
      const ledger = await readDocument(store, ledgerDocument(names));
      const { value: pointer } = await readDocument(store, pointerDocument(names));
      const newest = pointer?.issuances[0];
      if (newest !== undefined && newest.id !== request.before) return { done: newest };
      const attempt = lastAttempt(Object.values(ledger.value?.directories ?? {}).flat(), request);
      if (isGivenUp(pointer, request)) throw givenUp(attempt);
      const ordering = attempt !== undefined && attempt.outcome === undefined;
      return tell(ordering ? `${attempt.by} orders it` : "waiting for the instance to see it");
    },
    {
      seconds: how.seconds,
      everySeconds: 2,
      clock: how.clock,
      hint: "the request stays in the bucket, where the site's owner will see it",
    },
  );
};

const lastAttempt = (attempts: readonly Attempt[], { at }: Request): Attempt | undefined =>
  attempts.filter((a) => a.at >= at).sort((a, b) => b.at.localeCompare(a.at))[0];

const isGivenUp = (pointer: CertificatePointer | undefined, { at }: Request): boolean =>
  pointer?.requested?.at !== at;

function givenUp(attempt: Attempt | undefined): EverspotError {
  const why = attempt?.error ?? "no certificate may be ordered now";
  return new EverspotError(`no new certificate was issued: ${why}`, {
    hint: "the one that is served stays; `everspot certificate` shows when the next attempt is allowed",
  });
}

/** Waits until visitors are shown the certificate. @throws EverspotError at the deadline, with what they see. */
export const untilServed = (
  read: ReadServed,
  domain: string,
  serial: string,
  how: { seconds: number; clock: Clock },
): Promise<true> =>
  poll<true>(
    `${domain} serves ${serial}`,
    async () => {
      const seen = await read(domain).catch((error: Error) => error);
      if (seen instanceof Error) return { waiting: seen.message };
      return seen.serial === serial ? { done: true } : { waiting: `it serves ${seen.serial}` };
    },
    { ...how, everySeconds: 2 },
  );
