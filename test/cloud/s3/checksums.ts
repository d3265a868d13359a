import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { AwsError, ContractError } from "../wire/errors.ts";

/** As the members of the SDK's inputs and outputs are named; base64. */
export interface Checksums {
  ChecksumCRC32?: string;
  ChecksumCRC32C?: string;
  ChecksumSHA1?: string;
  ChecksumSHA256?: string;
}

const MODELLED = {
  ChecksumCRC32: (body: Uint8Array) => bigEndian(crc32(body)),
  ChecksumCRC32C: (body: Uint8Array) => bigEndian(crc32c(body)),
  ChecksumSHA1: (body: Uint8Array) => createHash("sha1").update(body).digest("base64"),
  ChecksumSHA256: (body: Uint8Array) => createHash("sha256").update(body).digest("base64"),
};

export const md5 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/**
 * Checks what the client said of the body and returns what S3 keeps of it.
 * @throws AwsError BadDigest. ContractError for an algorithm this model does not know.
 */
export function verifyChecksums(input: object, body: Uint8Array): Checksums {
  const said = new Map(Object.entries(input).filter(([, value]) => typeof value === "string"));
  const contentMd5 = said.get("ContentMD5");
  if (contentMd5 !== undefined && contentMd5 !== md5(body).toString("base64")) {
    throw new AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.", 400);
  }
  const kept: Record<string, string> = {};
  for (const [name, value] of said) {
    if (!/^Checksum(?!Algorithm|Type|Mode)/.test(name)) continue;
    const compute = (MODELLED as Partial<Record<string, (b: Uint8Array) => string>>)[name];
    if (compute === undefined) throw new ContractError(`${name} is not modelled`);
    if (compute(body) !== value) {
      const algorithm = name.replace("Checksum", "");
      throw new AwsError(
        "BadDigest",
        `The ${algorithm} you specified did not match the calculated checksum.`,
        400,
      );
    }
    kept[name] = value as string;
  }
  return kept;
}

function bigEndian(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString("base64");
}

const CASTAGNOLI = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function crc32c(body: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of body) crc = (crc >>> 8) ^ (CASTAGNOLI[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}
