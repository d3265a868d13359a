import { constants, crc32, deflateRawSync } from "node:zlib";

/** An entry of a zip written byte by byte, so that it can lie. */
export interface RawEntry {
  name: string | Buffer;
  data?: Buffer | string;
  /** st_mode; undefined leaves the type bits empty, as tools on other systems do. */
  mode?: number;
  store?: boolean;
  /** What the directory declares instead of the truth. */
  size?: number;
  compressedSize?: number;
  crc?: number;
  method?: number;
  flags?: number;
  /** Compressed bytes as they are, instead of those made of `data`. */
  raw?: Buffer;
  /** Points at another entry's local header instead of writing one. */
  sameAs?: number;
  extra?: Buffer;
}

const ZIP64 = 0xffffffff;

function zip64Extra(size: number): Buffer {
  if (size < ZIP64) return Buffer.alloc(0);
  const extra = Buffer.alloc(12);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8, 2);
  extra.writeBigUInt64LE(BigInt(size), 4);
  return extra;
}

/** So many bytes of zeros (a multiple of a million), deflated without ever having them: fully flushed blocks can be strung together. */
export function deflatedZeros(size: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(1_000_000), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array.from({ length: size / 1_000_000 }, () => block), deflateRawSync("")]);
}

/** PKWARE APPNOTE 4.3: local headers and data, central directory, end record. */
export function rawZip(entries: readonly RawEntry[], declaredCount = entries.length): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const e of entries) {
    const name = Buffer.from(e.name);
    const data = Buffer.from(e.data ?? "");
    const zipped = e.raw ?? (e.store ? data : deflateRawSync(data));
    const size = e.size ?? data.length;
    const method = e.method ?? (e.store ? 0 : 8);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(e.flags ?? 0x800, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(e.crc ?? crc32(data), 10);
    common.writeUInt32LE(e.compressedSize ?? zipped.length, 14);
    common.writeUInt32LE(Math.min(size, ZIP64), 18);
    common.writeUInt16LE(name.length, 22);
    if (e.sameAs === undefined) {
      offsets.push(offset);
      const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, name, zipped]);
      parts.push(local);
      offset += local.length;
    } else {
      offsets.push(offsets[e.sameAs] ?? 0);
    }
    const extra = e.extra ?? zip64Extra(size);
    const directory = Buffer.from(common);
    directory.writeUInt16LE(extra.length, 24);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((e.mode ?? 0) << 16) >>> 0, 6);
    tail.writeUInt32LE(offsets.at(-1) ?? 0, 10);
    const madeByUnix = Buffer.from([63, 3]);
    central.push(Buffer.concat([Buffer.from("PK\x01\x02"), madeByUnix, directory, tail, name, extra]));
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(declaredCount, 8);
  end.writeUInt16LE(declaredCount, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}
