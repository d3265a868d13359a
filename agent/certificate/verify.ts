/** Whether a key and a chain may be served for a set of names now. Pure but for the time it is given. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { uncovered } from "../site/certificate-names.ts";
import { messageOf } from "../site/errors.ts";

export interface CertificateFacts {
  /** Lower-case hex. */
  serial: string;
  /** Common name of the issuer, else its whole name. */
  issuer: string;
  names: string[];
  notBefore: Date;
  notAfter: Date;
}

export type Verdict = { facts: CertificateFacts } | { problem: string };

/** The clocks of CA, bucket and instance may differ a little; CAs back-date by an hour. */
const SKEW = 5 * 60_000;

/**
 * @param wanted names that must all be covered.
 * @param now undefined to leave the dates unchecked.
 */
export function verify(
  key: string,
  chain: string,
  wanted: readonly string[],
  now: Date | undefined,
): Verdict {
  let certificates: X509Certificate[];
  try {
    certificates = parseChain(chain);
  } catch (error) {
    return { problem: `its chain cannot be read: ${messageOf(error)}` };
  }
  const leaf = certificates[0];
  if (leaf === undefined) return { problem: "it holds no certificate" };
  const facts = factsOf(leaf);
  const problem =
    keyProblem(key, leaf) ??
    nameProblem(facts, wanted) ??
    (now && dateProblem(facts, now)) ??
    chainProblem(certificates, now);
  return problem === undefined ? { facts } : { problem };
}

/** @throws Error when a block is not a certificate. */
export function parseChain(chain: string): X509Certificate[] {
  const blocks = chain.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

export function factsOf(leaf: X509Certificate): CertificateFacts {
  const names = (leaf.subjectAltName ?? "")
    .split(/,\s*/)
    .flatMap((name) => (name.startsWith("DNS:") ? [name.slice(4).toLowerCase()] : []));
  return {
    serial: leaf.serialNumber.toLowerCase(),
    issuer: /^CN=(.+)$/m.exec(leaf.issuer)?.[1] ?? leaf.issuer.replaceAll("\n", ", "),
    names,
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
  };
}

function keyProblem(key: string, leaf: X509Certificate): string | undefined {
  try {
    return leaf.checkPrivateKey(createPrivateKey(key)) ? undefined : "its key belongs to another certificate";
  } catch (error) {
    return `its key cannot be read: ${messageOf(error)}`;
  }
}

function nameProblem(facts: CertificateFacts, wanted: readonly string[]): string | undefined {
  const missing = uncovered(facts.names, wanted);
  if (missing.length === 0) return undefined;
  return `it is for ${facts.names.join(", ") || "no name"}, not for ${missing.join(", ")}`;
}

function dateProblem(facts: CertificateFacts, now: Date): string | undefined {
  if (facts.notAfter <= now) return `it expired at ${facts.notAfter.toISOString()}`;
  if (facts.notBefore.getTime() > now.getTime() + SKEW) {
    return `it is not valid before ${facts.notBefore.toISOString()}`;
  }
  return undefined;
}

/** Public CAs never sign with their root, so a single certificate is a chain cut short. */
function chainProblem(certificates: readonly X509Certificate[], now: Date | undefined): string | undefined {
  if (certificates.length < 2) return "its chain lacks the certificate of its issuer";
  for (const [i, certificate] of certificates.slice(0, -1).entries()) {
    const issuer = certificates[i + 1];
    if (!issuer || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      return "its chain does not fit together";
    }
    if (now && new Date(issuer.validTo) <= now) return `its issuer expired at ${issuer.validTo}`;
  }
  return undefined;
}
