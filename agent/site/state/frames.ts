/**
 * SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#the_write_ahead_log): a header of 32 bytes, then
 * frames of 24 bytes and a page each. Offsets and sizes in bytes, numbers big endian but for the checksums' words.
 */
export const WAL_HEADER = 32;
export const FRAME_HEADER = 24;

export type Sum = readonly [number, number];

export interface WalHeader {
  page: number;
  /** Both salts, as 16 hex digits. */
  salt: string;
  /** Whether checksums take words as big endian. */
  bigEndian: boolean;
  /** What the first frame's checksum goes on from. */
  sum: Sum;
}

/** Undefined for a header that is not complete, or not valid: it is being written. */
export function parseWalHeader(bytes: Uint8Array): WalHeader | undefined {
  if (bytes.length < WAL_HEADER) return undefined;
  const header = asBuffer(bytes);
  const magic = header.readUInt32BE(0);
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return undefined;
  const bigEndian = magic === 0x377f0683;
  const page = header.readUInt32BE(8);
  const sum = checksum(header.subarray(0, 24), [0, 0], bigEndian);
  if (sum[0] !== header.readUInt32BE(24) || sum[1] !== header.readUInt32BE(28)) return undefined;
  if (page < 512 || page > 65_536 || (page & (page - 1)) !== 0) return undefined;
  return { page, salt: header.toString("hex", 16, 24), bigEndian, sum };
}

/** @param bytes a multiple of 8. */
export function checksum(bytes: Buffer, from: Sum, bigEndian: boolean): Sum {
  let [a, b] = from;
  // Words are read through DataView's fast path: this runs over every byte that is written.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < bytes.length; i += 8) {
    a = (a + view.getUint32(i, !bigEndian) + b) | 0;
    b = (b + view.getUint32(i + 4, !bigEndian) + a) | 0;
  }
  return [a >>> 0, b >>> 0];
}

export interface Scan {
  /** Frames up to the end of the last whole transaction found. */
  committed: number;
  /** Frames that are valid, whether their transaction has ended or not. */
  valid: number;
  sum: Sum;
  /** The checksum after the last whole transaction. */
  committedSum: Sum;
  /** Pages of the database after it; 0: none was found. */
  pages: number;
}

/** Looks how many of these frames are valid and follow what was read before. @param bytes whole frames. */
export function scanFrames(bytes: Buffer, header: WalHeader, from: Sum): Scan {
  const size = FRAME_HEADER + header.page;
  const found: Scan = { committed: 0, valid: 0, sum: from, committedSum: from, pages: 0 };
  const salt = Buffer.from(header.salt, "hex");
  for (let at = 0; at + size <= bytes.length; at += size) {
    if (salt.compare(bytes, at + 8, at + 16) !== 0) break;
    const begun = checksum(bytes.subarray(at, at + 8), found.sum, header.bigEndian);
    const sum = checksum(bytes.subarray(at + FRAME_HEADER, at + size), begun, header.bigEndian);
    if (sum[0] !== bytes.readUInt32BE(at + 16) || sum[1] !== bytes.readUInt32BE(at + 20)) break;
    found.valid++;
    found.sum = sum;
    const pages = bytes.readUInt32BE(at + 4);
    if (pages === 0) continue;
    found.committed = found.valid;
    found.committedSum = sum;
    found.pages = pages;
  }
  return found;
}

/** What frames say: which page, its content, and, at the end of a transaction, how many pages there are. */
export function* pagesOf(
  body: Uint8Array,
  page: number,
): Generator<{ number: number; content: Buffer; pages: number }> {
  const bytes = asBuffer(body);
  const size = FRAME_HEADER + page;
  for (let at = 0; at + size <= bytes.length; at += size) {
    yield {
      number: bytes.readUInt32BE(at),
      content: bytes.subarray(at + FRAME_HEADER, at + size),
      pages: bytes.readUInt32BE(at + 4),
    };
  }
}

/** A frame that no write-ahead log has: its salts and checksums are zeros. @param pages at the end of a transaction. */
export function frame(number: number, content: Uint8Array, pages: number): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER + content.length);
  bytes.writeUInt32BE(number, 0);
  bytes.writeUInt32BE(pages, 4);
  bytes.set(content, FRAME_HEADER);
  return bytes;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
