import { generateKeyPairSync } from "node:crypto";
import { signCertificate } from "./x509.ts";

/** Long enough to bridge an outage of the CA, short enough to be noticed. */
const DAYS = 30;

export const SELF_SIGNED_ISSUER = "everspot (self-signed)";

/** A certificate no one trusts, so that TLS at least answers. PEM. */
export function selfSigned(names: readonly string[], now: Date): { key: string; chain: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const chain = signCertificate({
    commonName: SELF_SIGNED_ISSUER,
    names,
    publicKey,
    notBefore: new Date(now.getTime() - 3600_000),
    notAfter: new Date(now.getTime() + DAYS * 24 * 3600_000),
    issuer: { commonName: SELF_SIGNED_ISSUER, privateKey },
    ca: false,
  });
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), chain };
}
