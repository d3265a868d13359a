/** Finishes what a killed process left behind, before another order is placed (DESIGN §10). */

import { certificateNames, sameNames } from "../site/certificate-names.ts";
import { type Issuance, pointerDocument } from "../site/certificates.ts";
import { readDocument } from "../site/document.ts";
import type { Issued } from "./authority.ts";
import { type Choice, directories } from "./choose.ts";
import type { CertificateContext } from "./context.ts";
import { adopt, type Origin, saveIssued } from "./stored.ts";
import { type CertificateFacts, verify } from "./verify.ts";

/**
 * Adds to the pointer a certificate that is on this disk but not in the bucket, and those that are in the bucket but
 * not in the pointer.
 * @returns whether the pointer has anything newer than `seen`. @throws EverspotError
 */
export async function recover(context: CertificateContext, seen: Choice): Promise<boolean> {
  const { store, clock } = context;
  const names = certificateNames(context.config);
  const left = await context.authority.left();
  const { value: pointer, date } = await readDocument(store, pointerDocument(names));
  const now = date ?? seen.now;
  const verdict = left && verify(left.key, left.chain, names, now);
  if (left && verdict && "facts" in verdict) {
    const { facts } = verdict;
    const stored = pointer?.issuances.some((line) => line.serial === facts.serial) ?? false;
    if (!stored && isNews(facts, left, seen, context)) {
      await saveIssued(store, clock, left, facts, originOf(context, now));
    }
  }
  await adopt(store, clock, names, pointer, now);
  const after = await readDocument(store, pointerDocument(names));
  return isNewer(after.value?.issuances[0], seen);
}

const isNews = (facts: CertificateFacts, left: Issued, seen: Choice, context: CertificateContext): boolean =>
  directories(context).includes(left.directory) &&
  sameNames(facts.names, certificateNames(context.config)) &&
  (seen.best === undefined || facts.notBefore > seen.best.facts.notBefore);

/** Whether a pointer's first line came after the caller looked. */
export const isNewer = (line: Issuance | undefined, seen: Choice): boolean =>
  line !== undefined && line.id !== seen.pointer?.issuances[0]?.id;

export const originOf = (context: CertificateContext, now: Date): Origin => ({
  names: certificateNames(context.config),
  by: context.instance,
  now,
  kmsKey: context.config.certificate.kmsKey,
});
