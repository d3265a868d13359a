/** PEM; the chain leaf first. */
export interface Pair {
  key: string;
  chain: string;
}

/**
 * AWS Certificate Manager, as far as everspot uses it.
 * Every failure is an EverspotError; those worth repeating say so.
 */
export interface CertificateManager {
  /** Serial number in lower-case hex, when the certificate is issued; else what it waits for. */
  describe(arn: string): Promise<{ serial: string } | { waiting: string }>;
  /** `encryptedKey`: PKCS#8, PEM, under the passphrase. A passphrase may not hold `#`, `$` or `%`. */
  export(arn: string, passphrase: string): Promise<{ encryptedKey: string; chain: string }>;
  /**
   * Imports under the given ARN; makes one tagged as the site's when it is undefined, gone, or cannot take this
   * certificate (another type of key, say). @returns the ARN, and why it is not the given one.
   */
  import(pair: Pair, arn: string | undefined): Promise<{ arn: string; why?: string }>;
}
