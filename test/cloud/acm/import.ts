import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import {
  type Certificate,
  keyAlgorithmOf,
  type Material,
  namesOf,
  parse,
  parseOne,
  splitPem,
  validFrom,
  validUntil,
} from "./certificate.ts";
import { validation } from "./errors.ts";

export interface Import {
  certificate: string;
  privateKey: string;
  chain: string | undefined;
}

/**
 * Checks an import as ACM does: one certificate, its unencrypted key, a chain in order, valid today
 * (ACM user guide, "Prerequisites for importing ACM certificates").
 * @throws AwsError ValidationException
 */
export function checkImport(given: Import, now: number): Material {
  const parsed = parseOne(given.certificate, "certificate");
  const key = readKey(given.privateKey);
  if (!parsed.checkPrivateKey(key)) throw validation("The certificate and private key do not match.");
  keyAlgorithmOf(parsed);
  if (now < validFrom(parsed) || now > validUntil(parsed)) {
    throw validation("The certificate is not valid yet or has expired.");
  }
  checkChain(parsed, given.chain);
  return {
    certificate: given.certificate,
    chain: given.chain ?? "",
    privateKey: key.export({ type: "pkcs8", format: "pem" }).toString(),
    parsed,
  };
}

function readKey(pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) throw validation("The private key must not be encrypted.");
  try {
    return createPrivateKey(pem);
  } catch {
    throw validation("The private key is not valid PEM.");
  }
}

/** Each certificate of a chain signs the one before it; a certificate without a chain has signed itself. */
function checkChain(leaf: X509Certificate, chain: string | undefined): void {
  const blocks = splitPem(chain ?? "");
  if (blocks.length === 0) {
    if (leaf.checkIssued(leaf) && leaf.verify(leaf.publicKey)) return;
    throw validation(
      "Provided certificate is not a valid self signed. Please provide either a valid self-signed certificate or certificate chain.",
    );
  }
  let below = leaf;
  for (const issuer of blocks.map(parse)) {
    if (!below.checkIssued(issuer) || !below.verify(issuer.publicKey)) {
      throw validation("Could not validate the certificate with the certificate chain.");
    }
    below = issuer;
  }
}

/** What may not change when an ARN gets a new certificate (ACM user guide, "Reimport a certificate"). */
export function checkReimport(current: Certificate, next: Material): void {
  if (current.type !== "IMPORTED") {
    throw validation(`Certificate ${current.arn} is not an imported certificate.`);
  }
  if (keyAlgorithmOf(next.parsed) !== current.keyAlgorithm) {
    throw validation(
      "Reimported certificate must have the same key type and size as the original certificate.",
    );
  }
  if (namesOf(next.parsed).every((name) => name === "")) {
    throw validation("Reimported certificate must have at least one domain name.");
  }
}
