import type { Frames } from "../site/state/entry.ts";

/** How far a database's write-ahead log is in the bucket: a generation, by its salts, and frames of it. */
export interface Position {
  salt: string;
  frame: number;
}

/** Salts of an entry that was made by comparing pages: its frames are of no write-ahead log. */
export const COMPARED = "0".repeat(16);

/**
 * The position with one more entry counted: one that was just written, or one of a run before that turned up.
 * Undefined: it is no longer known, and the pages must be compared.
 */
export function counted(position: Position | undefined, frames: Frames): Position | undefined {
  const { salt, from, to } = frames;
  if (salt === COMPARED) return undefined;
  if (position?.salt !== salt) return from === 0 ? { salt, frame: to } : undefined;
  return from <= position.frame ? { salt, frame: Math.max(position.frame, to) } : undefined;
}
