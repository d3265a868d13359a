/** One order, from the intent in the ledger to the pointer in the bucket (DESIGN §10). */
import type { Reason } from "../site/certificate-ledger.ts";
import { type Issuance, pointerDocument, type StoredCertificate } from "../site/certificates.ts";
import { readDocument } from "../site/document.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { poll } from "../site/poll.ts";
import type { Issued } from "./authority.ts";
import { type Choice, directories } from "./choose.ts";
import type { CertificateContext } from "./context.ts";
import type { Pair } from "./installed.ts";
import { begin, type End, end } from "./ledger.ts";
import { accountsOf } from "./lineage.ts";
import { certificateNames } from "./names.ts";
import { adopt, openStored, saveIssued } from "./stored.ts";
import { type CertificateFacts, verify } from "./verify.ts";

/** An intent older than this is not acted on: this machine slept, and others may have moved on. */
const STALE_INTENT = 60_000;

export type Ordered =
  /** `line`: what the pointer names now; undefined while the bucket does not take it. */
  | { outcome: "issued"; pair: Pair; facts: CertificateFacts; line: Issuance | undefined; problem?: string }
  /** There is a new certificate in the bucket that nobody had to order. */
  | { outcome: "found" }
  | { outcome: "refused"; reason: Reason; until: Date; problem: string }
  | { outcome: "failed"; problem: string };

/**
 * Orders a certificate for the configured names, if the ledger allows it.
 * @param seen what was there when the caller decided to order; anything newer ends the matter.
 * @param urgent also asks the second directory, which is not worth it while the served one lasts.
 * Never throws for the CA or the bucket: without a reachable ledger the outcome is `failed`.
 */
export async function order(context: CertificateContext, seen: Choice, urgent: boolean): Promise<Ordered> {
  let last: Ordered = { outcome: "failed", problem: "no directory is configured" };
  const problems: string[] = [];
  for (const directory of urgent ? directories(context) : directories(context).slice(0, 1)) {
    try {
      last = (await recover(context, seen))
        ? { outcome: "found" }
        : await orderFrom(context, directory, seen);
    } catch (error) {
      last = { outcome: "failed", problem: messageOf(error) };
    }
    if (last.outcome === "issued" || last.outcome === "found") return last;
    if (last.outcome === "refused" && last.reason === "ordering") return last;
    problems.push(last.problem);
  }
  return { ...last, problem: problems.join("; ") };
}

/**
 * Finishes what a killed process left: a certificate on this disk that is not in the bucket, or one in the
 * bucket that is not in the pointer. @returns whether the pointer has anything newer than `seen`.
 */
async function recover(context: CertificateContext, seen: Choice): Promise<boolean> {
  const names = certificateNames(context.config);
  const left = await context.authority.left();
  const read = await readDocument(context.store, pointerDocument(names));
  const now = read.date ?? seen.now;
  const verdict = left && verify(left.key, left.chain, names, now);
  if (left && verdict && "facts" in verdict && isNews(verdict.facts, left, seen, context)) {
    if (!read.value?.issuances.some((line) => line.serial === verdict.facts.serial)) {
      await saveIssued(context.store, context.clock, left, verdict.facts, {
        names,
        by: context.instance,
        now,
      });
    }
  }
  await adopt(context.store, context.clock, names, read.value, now);
  const after = await readDocument(context.store, pointerDocument(names));
  return isNewer(after.value?.issuances[0], seen);
}

const isNews = (facts: CertificateFacts, left: Issued, seen: Choice, context: CertificateContext): boolean =>
  directories(context).includes(left.directory) &&
  facts.notBefore.getTime() > Date.parse(seen.best?.certificate.notBefore ?? "1970-01-01T00:00:00Z");

const isNewer = (line: Issuance | undefined, seen: Choice): boolean =>
  line !== undefined && line.id !== seen.pointer?.issuances[0]?.id;

async function orderFrom(context: CertificateContext, directory: string, seen: Choice): Promise<Ordered> {
  const { store, clock } = context;
  const names = certificateNames(context.config);
  const earlier = await earlierLineage(context, directory, seen);
  const asked = clock.now();
  const permission = await begin(store, clock, names, directory, context);
  if (!("intent" in permission)) {
    const problem = `${REFUSALS[permission.reason]} until ${permission.until.toISOString()}`;
    return { outcome: "refused", reason: permission.reason, until: permission.until, problem };
  }
  const { id, at } = permission.intent;
  const finish = (result: End): Promise<void> =>
    end(store, clock, names, id, result).catch((error: unknown) =>
      context.logger.warn({ err: error }, "the certificate ledger could not be completed"),
    );

  const read = await readDocument(store, pointerDocument(names)).catch(() => undefined);
  if (isNewer(read?.value?.issuances[0], seen) || clock.now() - asked > STALE_INTENT) {
    await finish({ outcome: "unneeded" });
    return isNewer(read?.value?.issuances[0], seen)
      ? { outcome: "found" }
      : { outcome: "failed", problem: "this machine was too slow to order safely" };
  }
  const result = await context.authority.order({
    names,
    directory,
    email: context.config.certificate.email,
    earlier,
  });
  if (result.outcome !== "issued") {
    const problem = `${new URL(directory).host} did not issue a certificate: ${result.error}`;
    context.logger.warn({ lines: result.lines, directory }, problem);
    await finish({ outcome: result.outcome, error: result.error, retryAt: result.retryAt });
    return { outcome: "failed", problem };
  }
  const verdict = verify(result.key, result.chain, names, undefined);
  if ("problem" in verdict) {
    await finish({ outcome: "unknown", error: verdict.problem });
    return {
      outcome: "failed",
      problem: `the certificate from ${directory} is of no use: ${verdict.problem}`,
    };
  }
  const pair = { key: result.key, chain: result.chain };
  try {
    const line = await saveStubbornly(context, result, verdict.facts, {
      names,
      by: context.instance,
      now: at,
    });
    await finish({ outcome: "issued", certificate: line.id });
    return { outcome: "issued", pair, facts: verdict.facts, line };
  } catch (error) {
    await finish({ outcome: "issued", error: `not stored: ${messageOf(error)}` });
    const problem = `the new certificate could not be stored: ${messageOf(error)}`;
    return { outcome: "issued", pair, facts: verdict.facts, line: undefined, problem };
  }
}

const REFUSALS: Record<Reason, string> = {
  ordering: "another instance is ordering a certificate",
  "asked-to-wait": "the certificate authority asked for no request",
  "backing-off": "after failed attempts, none",
  attempts: "3 attempts in an hour are made, none",
  issuances: "4 certificates in 7 days are used up, none",
};

/** A certificate is worth a minute of trying; after that it is still on the disk. */
const saveStubbornly = (
  context: CertificateContext,
  ...[issued, facts, origin]: SaveArguments
): Promise<Issuance> =>
  poll(
    "storing the new certificate",
    async () => {
      try {
        return { done: await saveIssued(context.store, context.clock, issued, facts, origin) };
      } catch (error) {
        if (error instanceof EverspotError && error.retry === "fatal") throw error;
        return { waiting: messageOf(error) };
      }
    },
    { seconds: 60, everySeconds: 5, clock: context.clock },
  );
type SaveArguments = [Issued, CertificateFacts, Parameters<typeof saveIssued>[4]];

/** What the last order from this directory left; for other names, its accounts. */
async function earlierLineage(context: CertificateContext, directory: string, seen: Choice) {
  const names = certificateNames(context.config);
  for (const line of seen.pointer?.issuances.filter((i) => i.directory === directory) ?? []) {
    const opened = await openStored(context.store, keys.certificate(names, line.id), names, undefined);
    if (!("problem" in opened)) return opened.certificate.lineage;
  }
  const other: StoredCertificate | undefined = seen.best?.certificate;
  return other?.directory === directory ? accountsOf(other.lineage) : undefined;
}
