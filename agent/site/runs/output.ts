/** What a command writes, as parts of both its outputs in one order. Pure. */

export type Stream = "stdout" | "stderr";
export interface Piece {
  stream: Stream;
  bytes: Uint8Array;
}

const STREAMS: readonly Stream[] = ["stdout", "stderr"];
/** One byte says which output, four how many bytes follow (big-endian). */
const HEAD = 5;

export function packOutput(pieces: readonly Piece[]): Uint8Array {
  const parts = pieces.flatMap(({ stream, bytes }) => {
    const head = Buffer.alloc(HEAD);
    head.writeUInt8(STREAMS.indexOf(stream), 0);
    head.writeUInt32BE(bytes.byteLength, 1);
    return [head, bytes];
  });
  return Buffer.concat(parts);
}

/** @throws RangeError for what `packOutput` did not make. */
export function unpackOutput(part: Uint8Array): Piece[] {
  const buffer = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  const pieces: Piece[] = [];
  for (let at = 0; at < buffer.length; ) {
    const stream = STREAMS[buffer.readUInt8(at)];
    const size = buffer.readUInt32BE(at + 1);
    const end = at + HEAD + size;
    if (stream === undefined || end > buffer.length) throw new RangeError("not the output of a command");
    pieces.push({ stream, bytes: buffer.subarray(at + HEAD, end) });
    at = end;
  }
  return pieces;
}
