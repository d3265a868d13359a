import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { certificatePem, type Name } from "./x509.ts";

const generate = promisify(generateKeyPair);

export type KeyAlgorithm = "RSA_2048" | "EC_prime256v1" | "EC_secp384r1";
export interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

export const newKeyPair = (algorithm: KeyAlgorithm): Promise<KeyPair> =>
  algorithm === "RSA_2048"
    ? generate("rsa", { modulusLength: 2048 })
    : generate("ec", { namedCurve: algorithm === "EC_prime256v1" ? "prime256v1" : "secp384r1" });

const DAY = 86_400_000;
const ROOT: Name = { organization: "Local AWS", commonName: "Local ACM Root" };
const ISSUING: Name = { organization: "Local AWS", commonName: "Local ACM Issuing CA" };

/** A certificate authority made afresh for each local AWS: a root and one authority below it that issues. */
export interface Authority {
  /** PEM: what a client has to trust. */
  root: string;
  /** PEM, the issuing authority first, then the root. */
  chain: string;
  /** `names`: the first is also the common name. */
  issue(of: { names: readonly string[]; publicKey: KeyObject; notBefore: Date; notAfter: Date }): string;
}

/** `now` in milliseconds since the epoch: the authorities are valid from a day before for ten years. */
export async function createAuthority(now: number): Promise<Authority> {
  const [top, issuing] = await Promise.all([newKeyPair("EC_prime256v1"), newKeyPair("EC_prime256v1")]);
  const signedByTop = { issuer: ROOT, signingKey: top.privateKey, signingPublicKey: top.publicKey };
  const lifetime = { notBefore: new Date(now - DAY), notAfter: new Date(now + 3650 * DAY) };
  const common = { ...signedByTop, ...lifetime, names: [], authority: true };
  const root = certificatePem({ ...common, subject: ROOT, publicKey: top.publicKey });
  const chain = certificatePem({ ...common, subject: ISSUING, publicKey: issuing.publicKey }) + root;
  return {
    root,
    chain,
    issue: ({ names, publicKey, notBefore, notAfter }) =>
      certificatePem({
        subject: { commonName: names[0] ?? "" },
        publicKey,
        issuer: ISSUING,
        signingKey: issuing.privateKey,
        signingPublicKey: issuing.publicKey,
        notBefore,
        notAfter,
        names,
        authority: false,
      }),
  };
}
