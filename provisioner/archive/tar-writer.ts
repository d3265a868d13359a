import { Header } from "tar";

export interface TarEntry {
  /** Relative; a folder ends with "/". */
  path: string;
  mode: number;
  content: Buffer;
}

const BLOCK = 512;
/** The size of a tape record, to which GNU tar pads. */
const RECORD = 20 * BLOCK;

/** A ustar archive with no trace of the machine it was made on: the same entries give the same bytes. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, mode, content } of entries) {
    const header = Buffer.alloc(BLOCK);
    const tooLong = new Header({
      path,
      mode,
      size: content.length,
      uid: 0,
      gid: 0,
      uname: "root",
      gname: "root",
      mtime: new Date(0),
      type: path.endsWith("/") ? "Directory" : "File",
    }).encode(header);
    if (tooLong) throw new Error(`${path} does not fit a tar header`);
    parts.push(header, content, Buffer.alloc(pad(content.length, BLOCK)));
  }
  const length = parts.reduce((sum, part) => sum + part.length, 2 * BLOCK);
  parts.push(Buffer.alloc(2 * BLOCK + pad(length, RECORD)));
  return Buffer.concat(parts);
}

const pad = (length: number, unit: number): number => (unit - (length % unit)) % unit;
