/** What a cursor of the journal tells: `s` and `i` are the sequence of entries and the place in it (sd_journal_get_cursor). */
interface Place {
  sequence: string;
  number: number;
}

function placeIn(cursor: string): Place | undefined {
  const [, sequence = "", hex = ""] = /^s=([0-9a-f]+);i=([0-9a-f]+);/.exec(cursor) ?? [];
  return sequence === "" ? undefined : { sequence, number: Number.parseInt(hex, 16) };
}

/** Whether an entry is the one with the other cursor, or before it in the same sequence. */
export function isUpTo(cursor: string, last: string): boolean {
  if (cursor === last) return true;
  const [a, b] = [placeIn(cursor), placeIn(last)];
  return a !== undefined && b !== undefined && a.sequence === b.sequence && a.number <= b.number;
}

/** How many entries were there between two that were read one after the other; 0 where that is unknown. */
export function missingBetween(before: string, after: string): number {
  const [a, b] = [placeIn(before), placeIn(after)];
  if (a === undefined || b === undefined || a.sequence !== b.sequence) return 0;
  return Math.max(0, b.number - a.number - 1);
}
