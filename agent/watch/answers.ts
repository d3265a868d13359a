/**
 * How many of the site's answers are errors, from a file that nginx appends each answer's status to (serving/nginx-config.ts):
 * four bytes an answer, whoever else reads nginx's logs, and nothing of what was asked.
 */
import { open } from "node:fs/promises";

/** Bytes of an answer: three digits and a line break. */
const LENGTH = 4;
/** Bytes after which the file is begun again; it lies in memory. */
const LONGEST = 1_000_000;
/** Bytes that are read at a time. */
const CHUNK = 64 * 1024;

export interface Answers {
  /** Pages and files that visitors were given, whatever they were; neither redirections nor what was for no one. */
  all: number;
  /** Those that tell of a fault on this side: 5xx. */
  failed: number;
}

/** Counts what is new in the file at each call; nginx may not have made it yet. @throws when it cannot be read. */
export function answersIn(file: string): () => Promise<Answers> {
  let from: number | undefined;
  return async () => {
    const found = { all: 0, failed: 0 };
    const handle = await open(file, "r+").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    if (handle === undefined) return found;
    try {
      const { size } = await handle.stat();
      const whole = size - (size % LENGTH);
      // What was there before the first look is another one's business.
      let at = from === undefined ? whole : Math.min(from, whole);
      const buffer = Buffer.alloc(CHUNK);
      while (at < whole) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK, whole - at), at);
        if (bytesRead === 0) break;
        count(buffer.subarray(0, bytesRead), found);
        at += bytesRead;
      }
      from = at;
      // nginx appends: it goes on at the new end. What came in this moment is not counted.
      if (size > LONGEST) {
        await handle.truncate(0);
        from = 0;
      }
    } finally {
      await handle.close();
    }
    return found;
  };
}

/** A chunk ends with a whole answer: its length divides by theirs. */
function count(bytes: Buffer, into: Answers): void {
  for (let at = 0; at < bytes.length; at += LENGTH) {
    const status = bytes.toString("latin1", at, at + LENGTH - 1);
    if (/^[245]/.test(status) && status !== "444") into.all += 1;
    if (status.startsWith("5")) into.failed += 1;
  }
}
