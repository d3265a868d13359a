import { X509Certificate } from "node:crypto";
import type { CertificateKeyPairOrigin } from "@aws-sdk/client-acm";
import type { KeyAlgorithm } from "./authority.ts";
import { validation } from "./errors.ts";

export type Status = "PENDING_VALIDATION" | "ISSUED" | "EXPIRED" | "VALIDATION_TIMED_OUT" | "FAILED";

/** What a certificate consists of. PEM. */
export interface Material {
  certificate: string;
  chain: string;
  /** PKCS#8, not encrypted. */
  privateKey: string;
  parsed: X509Certificate;
}

export interface Certificate {
  arn: string;
  type: "AMAZON_ISSUED" | "IMPORTED";
  /** The first is the domain name. */
  names: readonly string[];
  keyAlgorithm: KeyAlgorithm;
  /** Milliseconds since the epoch. */
  created: number;
  issued: number | undefined;
  imported: number | undefined;
  material: Material | undefined;
  /** Whose hands made the key pair: a client's that ordered over ACME, ACM's, or those that imported it. */
  origin: CertificateKeyPairOrigin;
  exportable: boolean;
  exported: boolean;
  /** Of the last managed renewal. */
  renewed: number | undefined;
  /** Why there is none, when the validation ran out. */
  timedOut: boolean;
  /** Whether CAA records forbade it. */
  forbidden: boolean;
  idempotency: { token: string; until: number } | undefined;
  tags: Map<string, string>;
}

/** @throws AwsError ValidationException when the text is not just one certificate. */
export function parseOne(pem: string, member: string): X509Certificate {
  const blocks = splitPem(pem);
  if (blocks.length !== 1) {
    throw validation(
      `The ${member} field contains ${blocks.length === 0 ? "no" : "more than one"} certificate. You can specify only one certificate in this field.`,
    );
  }
  return parse(blocks[0] ?? "");
}

export function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw validation("The certificate is not valid PEM-encoded X.509.");
  }
}

export const splitPem = (text: string): string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];

/** The DNS names of a certificate; the common name when it has no others. */
export function namesOf(certificate: X509Certificate): string[] {
  const names = (certificate.subjectAltName ?? "")
    .split(", ")
    .flatMap((n) => (n.startsWith("DNS:") ? [n.slice(4)] : []));
  return names.length > 0 ? names : [commonName(certificate.subject)];
}

export const commonName = (subject: string): string => /^CN=(.*)$/m.exec(subject)?.[1] ?? "";

/** @throws AwsError ValidationException for a key ACM does not take. */
export function keyAlgorithmOf(certificate: X509Certificate): KeyAlgorithm {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  if (asymmetricKeyType === "rsa" && asymmetricKeyDetails?.modulusLength === 2048) return "RSA_2048";
  if (asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1") return "EC_prime256v1";
  if (asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "secp384r1") return "EC_secp384r1";
  throw validation("The private key algorithm or size is not supported.");
}

/** Milliseconds since the epoch. */
export const validFrom = (certificate: X509Certificate): number => Date.parse(certificate.validFrom);
export const validUntil = (certificate: X509Certificate): number => Date.parse(certificate.validTo);
