import { createHash } from "node:crypto";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { EverspotError } from "../errors.ts";
import { Damaged } from "./errors.ts";
import { packedRoom, plainRoom } from "./room.ts";

/** First bytes of a Zstandard frame (RFC 8878 §3.1.1). */
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Bytes of one chunk: a small database changes in few of them, a large one does not need too many objects. */
export const chunkSize = (size: number): number => (size > 64 << 20 ? 1 << 20 : 256 << 10);

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Zstandard by a Node that has it (22.15 and later; the agent's own), else zlib's format: the first bytes tell. */
export async function packChunk(plain: Uint8Array): Promise<Uint8Array> {
  const chunkSize = packedRoom(plain.length);
  if (zlib.zstdCompress === undefined) return promisify(zlib.deflate)(plain, { level: 1, chunkSize });
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: 1 };
  return promisify(zlib.zstdCompress)(plain, { params, chunkSize });
}

export type Unzstd = (packed: Uint8Array) => Uint8Array;

/**
 * @param size bytes it should have. @param unzstd for a Node that has no Zstandard of its own.
 * @throws Damaged when it is not the content with this hash.
 */
export async function unpackChunk(
  packed: Uint8Array,
  { sha256, size }: { sha256: string; size: number },
  resource: string,
  unzstd?: Unzstd,
): Promise<Uint8Array> {
  const plain = await unpack(packed, size, resource, unzstd).catch((cause: unknown) => {
    throw cause instanceof EverspotError ? cause : new Damaged(resource, "cannot be unpacked", cause);
  });
  if (sha256Of(plain) !== sha256) throw new Damaged(resource, "does not have the content its name says");
  return plain;
}

async function unpack(
  packed: Uint8Array,
  size: number,
  resource: string,
  unzstd: Unzstd | undefined,
): Promise<Uint8Array> {
  const room = { chunkSize: plainRoom(size) };
  if (!ZSTD.equals(packed.subarray(0, 4))) return promisify(zlib.inflate)(packed, room);
  if (zlib.zstdDecompress !== undefined) return promisify(zlib.zstdDecompress)(packed, room);
  if (unzstd !== undefined) return unzstd(packed);
  throw new EverspotError(
    `${resource} is packed with Zstandard, which Node.js ${process.version} cannot read`,
    { resource, hint: "use Node.js 22.15 or later" },
  );
}
