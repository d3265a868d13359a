/**
 * Certificates dated by a clock that tests move. Pebble knows only the machine's time (faketime does not reach Go
 * programs), so what it issued is signed again: same key, same names, other dates, an authority of our own.
 */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { namesOf } from "../acm/certificate.ts";
import { certificatePem } from "../acm/x509.ts";

const HOUR = 3600_000;
const YEAR = 365 * 24 * HOUR;
const ROOT = { commonName: "Test Root" };
const INTERMEDIATE = { commonName: "Test Intermediate" };

export class Reissuer {
  /** PEM: what visitors must trust. */
  readonly root: string;
  /** ms; also of those to come. */
  lifetime: number;
  readonly #intermediate = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  readonly #chain: string;

  constructor(lifetime: number, now: number) {
    this.lifetime = lifetime;
    const root = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const valid = { notBefore: new Date(now - YEAR), notAfter: new Date(now + 5 * YEAR) };
    const authority = {
      issuer: ROOT,
      signingKey: root.privateKey,
      signingPublicKey: root.publicKey,
      names: [],
      authority: true,
      ...valid,
    };
    this.root = certificatePem({ ...authority, subject: ROOT, publicKey: root.publicKey });
    this.#chain = certificatePem({
      ...authority,
      subject: INTERMEDIATE,
      publicKey: this.#intermediate.publicKey,
    });
  }

  /** Back-dated by an hour, as Let's Encrypt's are. @param pem a chain, leaf first. */
  reissue(pem: string, now: number): string {
    const leaf = new X509Certificate(pem);
    const names = namesOf(leaf);
    const signed = certificatePem({
      subject: { commonName: names[0] ?? "" },
      names,
      publicKey: leaf.publicKey,
      notBefore: new Date(now - HOUR),
      notAfter: new Date(now - HOUR + this.lifetime),
      issuer: INTERMEDIATE,
      signingKey: this.#intermediate.privateKey,
      signingPublicKey: this.#intermediate.publicKey,
      authority: false,
    });
    return signed + this.#chain;
  }
}
