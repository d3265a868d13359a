/** Writes X.509 certificates (RFC 5280) with EC keys. Pure but for randomness. */
import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import * as der from "./der.ts";

const ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));

export interface CertificateRequest {
  commonName: string;
  /** DNS names; a CA has none. */
  names: readonly string[];
  publicKey: KeyObject;
  notBefore: Date;
  notAfter: Date;
  issuer: { commonName: string; privateKey: KeyObject };
  ca: boolean;
}

/** PEM. The serial number is random. */
export function signCertificate(request: CertificateRequest): string {
  const spki = request.publicKey.export({ type: "spki", format: "der" });
  const body = der.sequence(
    der.tagged(0, der.integer(Buffer.from([2]))),
    der.integer(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    ECDSA_SHA256,
    distinguishedName(request.issuer.commonName),
    der.sequence(der.time(request.notBefore), der.time(request.notAfter)),
    distinguishedName(request.commonName),
    spki,
    der.tagged(3, extensions(request, spki)),
  );
  const signature = sign("sha256", body, request.issuer.privateKey);
  const base64 = der.sequence(body, ECDSA_SHA256, der.bits(signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END CERTIFICATE-----\n`;
}

const distinguishedName = (commonName: string): Buffer =>
  der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8(commonName))));

function extensions(request: CertificateRequest, spki: Uint8Array): Buffer {
  const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
    der.sequence(der.oid(id), ...(critical ? [der.yes()] : []), der.octets(value));
  const keyId = createHash("sha256").update(spki).digest().subarray(0, 20);
  const names = request.names.map((name) => der.taggedString(2, name));
  return der.sequence(
    extension("2.5.29.19", true, request.ca ? der.sequence(der.yes()) : der.sequence()),
    extension("2.5.29.14", false, der.octets(keyId)),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", false, der.sequence(...names))]),
  );
}
