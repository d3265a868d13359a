import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import {
  bits,
  bool,
  explicit,
  implicit,
  integer,
  nothing,
  octets,
  oid,
  sequence,
  set,
  time,
  utf8,
} from "./der.ts";

export interface CertificateSpec {
  subject: Name;
  /** Of the subject. */
  publicKey: KeyObject;
  issuer: Name;
  /** Of the issuer. */
  signingKey: KeyObject;
  signingPublicKey: KeyObject;
  notBefore: Date;
  notAfter: Date;
  /** DNS names and IPv4 addresses; an authority has none. */
  names: readonly string[];
  authority: boolean;
}
export interface Name {
  commonName: string;
  organization?: string;
}

/** A signed X.509 v3 certificate as PEM (RFC 5280). Keys are RSA or EC; signatures with SHA-256. */
export function certificatePem(spec: CertificateSpec): string {
  const algorithm = signatureAlgorithm(spec.signingKey);
  const body = sequence(
    explicit(0, integer(2)),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    nameOf(spec.issuer),
    sequence(time(spec.notBefore), time(spec.notAfter)),
    nameOf(spec.subject),
    spec.publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions(spec))),
  );
  const signature = sign("sha256", body, spec.signingKey);
  return pem("CERTIFICATE", sequence(body, algorithm, bits(signature)));
}

const pem = (label: string, der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
};

const signatureAlgorithm = (key: KeyObject): Buffer =>
  key.asymmetricKeyType === "ec"
    ? sequence(oid("1.2.840.10045.4.3.2"))
    : sequence(oid("1.2.840.113549.1.1.11"), nothing());

function nameOf(name: Name): Buffer {
  const attribute = (type: string, value: string) => set(sequence(oid(type), utf8(value)));
  return sequence(
    ...(name.organization === undefined ? [] : [attribute("2.5.4.10", name.organization)]),
    attribute("2.5.4.3", name.commonName),
  );
}

function extensions(spec: CertificateSpec): Buffer[] {
  const common = [
    extension("2.5.29.14", octets(keyId(spec.publicKey))),
    extension("2.5.29.35", sequence(implicit(0, keyId(spec.signingPublicKey)))),
  ];
  if (spec.authority) {
    return [
      extension("2.5.29.19", sequence(bool(true)), true),
      // keyCertSign and cRLSign.
      extension("2.5.29.15", bits(Buffer.from([0x06]), 1), true),
      ...common,
    ];
  }
  return [
    extension("2.5.29.19", sequence(), true),
    // digitalSignature and keyEncipherment.
    extension("2.5.29.15", bits(Buffer.from([0xa0]), 5), true),
    // TLS server.
    extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1"))),
    extension("2.5.29.17", sequence(...spec.names.map(generalName))),
    ...common,
  ];
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [bool(true)] : []), octets(value));

const generalName = (name: string): Buffer =>
  isIP(name) === 4
    ? implicit(7, Buffer.from(name.split(".").map(Number)))
    : implicit(2, Buffer.from(name, "ascii"));

const keyId = (key: KeyObject): Buffer =>
  createHash("sha1")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();
