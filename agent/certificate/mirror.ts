/** Imports the served certificate into ACM, always under the same ARN, for expiry events and CloudFront. */

import { certificateNames } from "../site/certificate-names.ts";
import { type CertificatePointer, noteMirror, pointerDocument } from "../site/certificates.ts";
import { updateDocument } from "../site/document.ts";
import { certificateSet } from "../site/names.ts";
import { type Chosen, otherPointers } from "./choose.ts";
import type { CertificateContext } from "./context.ts";

/** Acts only if the configuration asks for it and it is not done yet. Trouble is logged; a later call tries again. */
export async function mirror(
  context: CertificateContext,
  best: Chosen,
  pointer: CertificatePointer | undefined,
): Promise<void> {
  const { acm, config } = context;
  if (!config.certificate.mirrorToAcm || acm === undefined || !best.newest) return;
  if (pointer === undefined || pointer.acm?.id === best.line.id) return;
  try {
    const known = pointer.acm?.arn ?? (await arnOfOtherNames(context));
    const { arn, why } = await acm.import(best.certificate, known);
    if (why !== undefined) {
      context.logger.warn(
        { before: known, arn },
        `ACM has the certificate under a new ARN; whatever uses the old one must be pointed to it: ${why}`,
      );
    }
    await updateDocument(
      context.store,
      pointerDocument(certificateNames(config)),
      (current) => noteMirror(current, { arn, id: best.line.id }),
      context.clock,
    );
    context.logger.info({ arn, certificate: best.line.id }, "certificate imported into ACM");
  } catch (error) {
    context.logger.warn({ err: error }, "the certificate could not be imported into ACM");
  }
}

/** CloudFront keeps the ARN; so it must outlive a change of names. */
async function arnOfOtherNames(context: CertificateContext): Promise<string | undefined> {
  const others = await otherPointers(context, certificateSet(certificateNames(context.config)));
  const created = (pointer: (typeof others)[number]) => pointer.issuances[0]?.created ?? "";
  const newestFirst = others.sort(
    (a, b) => Number(created(a) < created(b)) - Number(created(a) > created(b)),
  );
  return newestFirst.find((pointer) => pointer.acm !== undefined)?.acm?.arn;
}
