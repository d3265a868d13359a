/** An operator's request for a new certificate, left in the pointer by `everspot certificate --renew`. */

import { certificateNames } from "../site/certificate-names.ts";
import { pointerDocument, withoutRequest } from "../site/certificates.ts";
import { updateDocument } from "../site/document.ts";
import { messageOf } from "../site/errors.ts";
import type { Choice } from "./choose.ts";
import type { CertificateContext } from "./context.ts";
import type { Ordered } from "./order.ts";

/** Whether a request is younger than what would be served. */
export const isRequested = ({ best, pointer }: Choice): boolean =>
  best !== undefined && (pointer?.requested?.at ?? "") > best.certificate.created;

/** ms. Longer than a lease, or the first pauses after a process died: the request waits for those. */
const SOON = 10 * 60_000;

/** Gives up a request that was tried, or cannot be soon; whoever made it sees why it came to nothing. */
export async function dropRequest(
  context: CertificateContext,
  { pointer, now }: Choice,
  outcome: Exclude<Ordered, { outcome: "issued" | "found" }>,
): Promise<void> {
  const asked = pointer?.requested;
  if (asked === undefined) return;
  if (outcome.outcome === "refused" && outcome.until.getTime() < now.getTime() + SOON) return;
  try {
    await updateDocument(
      context.store,
      pointerDocument(certificateNames(context.config)),
      (current) => withoutRequest(current, asked.at),
      context.clock,
    );
  } catch (error) {
    context.logger.warn(`the request for a new certificate stays: ${messageOf(error)}`);
  }
}
