/**
 * Bytes that zlib is given for what comes out, so that it comes in one piece: by itself it takes 16 KB at a time, each by a
 * turn of its own, and puts them together in the end.
 */

const LEAST = 1 << 10;

/** For packing so many bytes, whatever they are: what cannot be packed grows by some bytes in 16 KB. */
export const packedRoom = (size: number): number => size + (size >> 8) + LEAST;

/** For unpacking to so many bytes: one that is left says that this was all. */
export const plainRoom = (size: number): number => Math.max(LEAST, size + 1);
