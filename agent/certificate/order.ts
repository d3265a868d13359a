/** One order, from the intent in the ledger to the pointer in the bucket (DESIGN §10). */

import type { Pair } from "../ports/certificate-manager.ts";
import { LEASE, type Reason, refusals } from "../site/certificate-ledger.ts";
import { certificateNames } from "../site/certificate-names.ts";
import { type Issuance, type Lineage, pointerDocument } from "../site/certificates.ts";
import { readDocument } from "../site/document.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { poll } from "../site/poll.ts";
import type { Authority, Issued, OrderResult } from "./authority.ts";
import { type Choice, directories } from "./choose.ts";
import type { CertificateContext } from "./context.ts";
import { begin, type End, end } from "./ledger.ts";
import { isNewer, originOf, recover } from "./recover.ts";
import { openStored, saveIssued } from "./stored.ts";
import { type CertificateFacts, verify } from "./verify.ts";

/** ms. An intent older than this is not acted on: this machine was asleep, and others may have moved on. */
const STALE_INTENT = 60_000;
/** Seconds spent trying to store a certificate; after that it is still on the disk. */
const SAVE_SECONDS = 60;

export type Ordered =
  /** `problem`: it could not be stored; it is on this disk only. */
  | { outcome: "issued"; pair: Pair; facts: CertificateFacts; problem: string | undefined }
  /** A new certificate was in the bucket, so that none had to be ordered. */
  | { outcome: "found" }
  | { outcome: "refused"; reason: Reason; until: Date; problem: string }
  | { outcome: "failed"; problem: string };

/**
 * Orders a certificate for the configured names, if the ledger allows it.
 * @param seen what was there when the caller decided to order; anything newer makes the order unnecessary.
 * @param urgent also asks the second directory, which is not worth it while the served one lasts.
 * Never throws for the CA or the bucket: without a reachable ledger the outcome is `failed`.
 */
export async function order(context: CertificateContext, seen: Choice, urgent: boolean): Promise<Ordered> {
  const { authority, clock } = context;
  if (underWay.has(authority)) {
    const until = new Date(clock.now() + LEASE);
    return {
      outcome: "refused",
      reason: "ordering",
      until,
      problem: "this instance is ordering a certificate already",
    };
  }
  underWay.add(authority);
  try {
    return await orderFromAny(context, seen, urgent);
  } finally {
    underWay.delete(authority);
  }
}

/** Contexts with an order under way in this process: never two orders at a time, and their files stay untouched. */
const underWay = new WeakSet<Authority>();

export const isOrdering = ({ authority }: CertificateContext): boolean => underWay.has(authority);

async function orderFromAny(context: CertificateContext, seen: Choice, urgent: boolean): Promise<Ordered> {
  const problems: string[] = [];
  let last: Extract<Ordered, { problem: string }> = { outcome: "failed", problem: "" };
  for (const directory of urgent ? directories(context) : directories(context).slice(0, 1)) {
    const ordered = await orderFrom(context, directory, seen).catch(
      (error: unknown): Ordered => ({ outcome: "failed", problem: messageOf(error) }),
    );
    if (ordered.outcome === "issued" || ordered.outcome === "found") return ordered;
    if (ordered.outcome === "refused" && ordered.reason === "ordering") return ordered;
    problems.push(ordered.problem);
    last = ordered;
  }
  return { ...last, problem: problems.join("; ") };
}

async function orderFrom(context: CertificateContext, directory: string, seen: Choice): Promise<Ordered> {
  const { store, clock } = context;
  const names = certificateNames(context.config);
  if (await recover(context, seen)) return { outcome: "found" };
  const earlier = await earlierLineage(context, directory, seen);
  await context.authority.prepare?.();
  const asked = clock.now();
  const permission = await begin(store, clock, names, directory, context);
  if (!("intent" in permission)) {
    const problem = `${refusals[permission.reason]} until ${permission.until.toISOString()}`;
    return { outcome: "refused", reason: permission.reason, until: permission.until, problem };
  }
  const { intent } = permission;
  const finish = (result: End): Promise<void> =>
    end(store, clock, names, intent.id, result).catch((error: unknown) =>
      context.logger.warn({ err: error }, "the certificate ledger could not be completed"),
    );

  // The work may have been done between the look and the intent.
  const pointer = await readDocument(store, pointerDocument(names)).catch(() => undefined);
  const done = isNewer(pointer?.value?.issuances[0], seen);
  if (done || clock.now() - asked > STALE_INTENT) {
    await finish({ outcome: "unneeded" });
    return done ? { outcome: "found" } : { outcome: "failed", problem: "this machine was too slow to order" };
  }
  const { email } = context.config.certificate;
  const result = await context.authority
    .order({ names, directory, email, earlier })
    .catch((error: unknown): OrderResult => ({ ...UNKNOWN, error: messageOf(error) }));
  const usable = judge(result, names);
  if (usable.outcome === "issued") return keep(context, usable, usable.facts, intent.at, finish);
  const { outcome, error, retryAfter, lines } = usable;
  const problem = `no certificate from ${new URL(directory).host}: ${error}`;
  context.logger.warn({ lines, directory }, problem);
  await finish({ outcome, error, retryAfter });
  return { outcome: "failed", problem };
}

const UNKNOWN = { outcome: "unknown" as const, lines: [], retryAfter: undefined };

type Usable = Extract<OrderResult, { outcome: "issued" }> & { facts: CertificateFacts };

/** A certificate that does not fit was still issued. */
function judge(
  result: OrderResult,
  names: readonly string[],
): Usable | Exclude<OrderResult, { outcome: "issued" }> {
  if (result.outcome !== "issued") return result;
  const verdict = verify(result.key, result.chain, names, undefined);
  return "problem" in verdict ? { ...UNKNOWN, error: verdict.problem } : { ...result, facts: verdict.facts };
}

async function keep(
  context: CertificateContext,
  issued: Issued,
  facts: CertificateFacts,
  at: Date,
  finish: (result: End) => Promise<void>,
): Promise<Ordered> {
  const pair = { key: issued.key, chain: issued.chain };
  try {
    const line = await saveStubbornly(context, issued, facts, at);
    await finish({ outcome: "issued", certificate: line.id });
    return { outcome: "issued", pair, facts, problem: undefined };
  } catch (error) {
    const problem = `the new certificate could not be stored: ${messageOf(error)}`;
    await finish({ outcome: "issued", error: problem });
    return { outcome: "issued", pair, facts, problem };
  }
}

const saveStubbornly = (
  context: CertificateContext,
  issued: Issued,
  facts: CertificateFacts,
  at: Date,
): Promise<Issuance> =>
  poll(
    "storing the new certificate",
    async () => {
      try {
        return { done: await saveIssued(context.store, context.clock, issued, facts, originOf(context, at)) };
      } catch (error) {
        if (error instanceof EverspotError && error.retry === "fatal") throw error;
        return { waiting: messageOf(error) };
      }
    },
    { seconds: SAVE_SECONDS, everySeconds: 5, clock: context.clock },
  );

/** Accounts of the last order from this directory, even one for other names. */
async function earlierLineage(
  context: CertificateContext,
  directory: string,
  seen: Choice,
): Promise<Lineage | undefined> {
  const names = certificateNames(context.config);
  for (const line of seen.pointer?.issuances.filter((i) => i.directory === directory) ?? []) {
    const opened = await openStored(context.store, keys.certificate(names, line.id), names, undefined);
    if (!("problem" in opened)) return opened.certificate.lineage;
  }
  const other = seen.best?.certificate;
  return other?.directory === directory ? other.lineage : undefined;
}
