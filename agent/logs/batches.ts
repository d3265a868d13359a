/** Lines as they are sent: by stream, in order, within what one call takes. Pure. */
import { type LogLine, SINK_LIMITS } from "../ports/log-sink.ts";

export interface Line extends LogLine {
  stream: string;
  /** Where its entry is in the journal. */
  cursor: string;
}

/** Until when a stream has been written, and how many lines it has of that very millisecond. */
export interface StreamEnd {
  at: number;
  lines: number;
}

export interface Batch {
  stream: string;
  lines: LogLine[];
  /** How many lines the stream shows from the first line's time to the last's once it has these. */
  shown: number;
  end: StreamEnd;
  /** Cursor of the last line. */
  to: string;
}

/** Bytes of a line; a longer one is cut, and goes on in the next. A fraction of what is taken: a batch must hold several. */
const LONGEST = 128 * 1024;

/**
 * @param ends of the streams, which tell where a stream goes on. Times never go back in a stream: an entry that does, as
 * after a change of the clock, gets the time of the one before.
 * @param redact takes secrets out of the lines of one stream; one that goes over several leaves fewer.
 */
export function batchesOf(
  lines: readonly Line[],
  ends: Readonly<Record<string, StreamEnd>>,
  now: number,
  redact: (lines: readonly string[]) => string[],
): Batch[] {
  const streams = new Map<string, Line[]>();
  for (const line of lines) {
    const own = streams.get(line.stream);
    if (own === undefined) streams.set(line.stream, [line]);
    else own.push(line);
  }
  return [...streams].flatMap(([stream, own]) => {
    const texts = redact(own.map((line) => line.text));
    let last = ends[stream] ?? { at: 0, lines: 0 };
    const batches: Batch[] = [];
    let batch: Batch | undefined;
    let bytes = 0;
    texts.forEach((text, i) => {
      const at = Math.max(last.at, Math.min(own[i]?.at ?? 0, now));
      // When redaction leaves fewer lines, the last one stands for the rest.
      const to = (i === texts.length - 1 ? own.at(-1) : own[i])?.cursor ?? "";
      for (const piece of pieces(text)) {
        const size = Buffer.byteLength(piece) + SINK_LIMITS.overhead;
        const first = batch?.lines[0]?.at ?? at;
        if (
          batch === undefined ||
          batch.lines.length === SINK_LIMITS.lines ||
          bytes + size > SINK_LIMITS.bytes ||
          at - first > SINK_LIMITS.span
        ) {
          batch = { stream, lines: [], shown: last.at === at ? last.lines : 0, end: last, to };
          batches.push(batch);
          bytes = 0;
        }
        batch.lines.push({ at, text: piece });
        batch.shown++;
        bytes += size;
        last = { at, lines: last.at === at ? last.lines + 1 : 1 };
        batch.end = last;
        batch.to = to;
      }
    });
    return batches;
  });
}

/** Cut between characters. */
function pieces(text: string): string[] {
  if (text === "") return [];
  if (Buffer.byteLength(text) <= LONGEST) return [text];
  const bytes = Buffer.from(text);
  const found: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    let to = Math.min(bytes.length, from + LONGEST);
    while (to < bytes.length && ((bytes[to] ?? 0) & 0xc0) === 0x80) to--;
    found.push(bytes.subarray(from, to).toString("utf8"));
    from = to;
  }
  return found;
}

export const sizeOf = ({ text }: Pick<LogLine, "text">): number =>
  Buffer.byteLength(text) + SINK_LIMITS.overhead;
