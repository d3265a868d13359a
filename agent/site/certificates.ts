/**
 * What the bucket knows about certificates (DESIGN §10): one immutable object per issuance, a pointer to the
 * issuances for one set of names, and the ledger of what was asked of certificate authorities.
 */
import * as z from "zod/mini";
import type { DocumentType } from "./document.ts";
import { keys } from "./names.ts";

const time = z.iso.datetime();

/** One file or link of certbot's configuration folder. Everything certbot keeps there is text. */
const lineageEntry = z.union([
  z.strictObject({ path: z.string(), mode: z.int(), text: z.string() }),
  z.strictObject({ path: z.string(), link: z.string() }),
]);

/** certbot's configuration folder, so that another machine can renew with the same account. */
export const lineage = z.strictObject({
  /** Where the folder was; certbot's renewal files name it in absolute paths. */
  root: z.string(),
  entries: z.array(lineageEntry),
});
export type Lineage = z.infer<typeof lineage>;

/** Facts of one issued certificate. Serial in lower-case hex. */
const facts = {
  id: z.string().check(z.regex(/^[A-Za-z0-9._-]{1,128}$/)),
  serial: z.string(),
  issuer: z.string(),
  names: z.array(z.string()).check(z.minLength(1)),
  notBefore: time,
  notAfter: time,
  /** ACME directory it came from. */
  directory: z.string(),
  created: time,
  /** Instance that ordered it. */
  by: z.string(),
};

/** `certificates/<names>/v/<id>`: written once, never changed. */
export const storedCertificate = z.strictObject({
  version: z.literal(1),
  ...facts,
  /** PEM, PKCS#8. */
  key: z.string(),
  /** PEM, leaf first. */
  chain: z.string(),
  lineage,
});
export type StoredCertificate = z.infer<typeof storedCertificate>;

/** One line of a pointer. */
export const issuance = z.strictObject({
  ...facts,
  /** SHA-256 (hex) of the object. */
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** From when on it is to be renewed; drawn once, so that reboots do not roll the dice again. */
  renewAt: time,
});
export type Issuance = z.infer<typeof issuance>;

/** `certificates/<names>/current.json`. Written only by compare-and-swap. */
export const certificatePointer = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  names: z.array(z.string()),
  /** Newest first; the first is the one to serve. */
  issuances: z.array(issuance),
  /** Copy in ACM: always the same ARN. */
  acm: z.optional(z.strictObject({ arn: z.string(), id: z.string() })),
  /** An operator asked for a new one before it is due; gone with the next issuance. */
  requested: z.optional(z.strictObject({ by: z.string(), at: time })),
});
export type CertificatePointer = z.infer<typeof certificatePointer>;
export const pointerDocument = (names: readonly string[]): DocumentType<CertificatePointer> => ({
  key: keys.certificatePointer(names),
  schema: certificatePointer,
});

type PointerFields = Omit<CertificatePointer, "nonce">;

/** Issuances a pointer remembers. */
export const ISSUANCES_KEPT = 10;

/** A certificate is stored: it is served if it is the newest. Whoever asked for a new one has it. */
export function addIssuance(
  pointer: CertificatePointer | undefined,
  names: readonly string[],
  line: Issuance,
): PointerFields | undefined {
  const before = pointer?.issuances ?? [];
  if (before.some((i) => i.id === line.id)) return undefined;
  const newestFirst = [line, ...before].sort(
    (a, b) => Number(a.created < b.created) - Number(a.created > b.created),
  );
  return {
    version: 1,
    names: [...names],
    issuances: newestFirst.slice(0, ISSUANCES_KEPT),
    acm: pointer?.acm,
  };
}

/** A certificate was imported into ACM. */
export const noteMirror = (
  pointer: CertificatePointer | undefined,
  acm: { arn: string; id: string },
): PointerFields | undefined => pointer && { ...pointer, acm };

/** An operator asks for a new certificate. One who asked before is not replaced. */
export const withRequest = (
  pointer: CertificatePointer,
  requested: { by: string; at: string },
): PointerFields | undefined => (pointer.requested === undefined ? { ...pointer, requested } : undefined);

/** The request made at this moment came to nothing. */
export function withoutRequest(
  pointer: CertificatePointer | undefined,
  at: string,
): PointerFields | undefined {
  if (pointer?.requested?.at !== at) return undefined;
  const { requested: _, ...rest } = pointer;
  return rest;
}

/** One run of the ACME client, written before it starts (an intent) and completed afterwards. */
export const attempt = z.strictObject({
  id: z.string(),
  /** Instance. */
  by: z.string(),
  /** Process of that instance; tells an attempt of this process from one of a process that died. */
  process: z.string(),
  at: time,
  /** While this has not passed and the attempt has no end, no one else orders. */
  lease: time,
  ended: z.optional(time),
  /**
   * No outcome: running or died. `unneeded`: the CA was not asked. `failed`: the CA did not issue.
   * `unknown`: it may have issued.
   */
  outcome: z.optional(z.enum(["issued", "failed", "unknown", "unneeded"])),
  /** The certificate's id, when one was issued. */
  certificate: z.optional(z.string()),
  error: z.optional(z.string()),
  /** The CA asked for no request before this. */
  retryAt: z.optional(time),
});
export type Attempt = z.infer<typeof attempt>;

/** `certificates/<names>/ledger.json`. Written only by compare-and-swap; times are the bucket's. */
export const certificateLedger = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  names: z.array(z.string()),
  /** By ACME directory: limits are the CA's, so each has an account of its own. Oldest attempt first. */
  directories: z.record(z.string(), z.array(attempt)),
});
export type CertificateLedger = z.infer<typeof certificateLedger>;
export const ledgerDocument = (names: readonly string[]): DocumentType<CertificateLedger> => ({
  key: keys.certificateLedger(names),
  schema: certificateLedger,
});
