import type { Clock } from "../../agent/site/clock.ts";
import { PART_BYTES, STDIN_AHEAD } from "../../agent/site/runs/documents.ts";
import type { Asked } from "./ask.ts";

/** Milliseconds that what was read waits for more. */
const GATHER_MS = 20;
const LOOK_MS = 500;

/**
 * Sends the input as it comes, not further ahead of the command than the bucket is to hold.
 * @param taken how many parts the command was given. @param over when it has ended.
 */
export async function sendInput(
  input: AsyncIterable<Uint8Array>,
  asked: Pick<Asked, "send" | "endInput" | "parts">,
  { taken, clock, over }: { taken: () => number; clock: Clock; over: AbortSignal },
): Promise<void> {
  for await (const part of gathered(input, clock)) {
    while (!over.aborted && asked.parts - taken() >= STDIN_AHEAD) await clock.sleep(LOOK_MS);
    if (over.aborted) return;
    await asked.send(part);
  }
  if (!over.aborted) await asked.endInput();
}

/** All of it. */
export async function readInput(input: AsyncIterable<Uint8Array>, clock: Clock): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of gathered(input, clock)) parts.push(part);
  return parts;
}

/** Parts of the size that fits; a smaller one when nothing more comes for a moment. */
async function* gathered(input: AsyncIterable<Uint8Array>, clock: Clock): AsyncGenerator<Uint8Array> {
  const reader = input[Symbol.asyncIterator]();
  let next = reader.next();
  for (;;) {
    let found: IteratorResult<Uint8Array> | undefined = await next;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    while (found !== undefined && found.done !== true) {
      chunks.push(found.value);
      bytes += found.value.byteLength;
      next = reader.next();
      if (bytes >= PART_BYTES) break;
      found = await Promise.race([next, clock.sleep(GATHER_MS).then(() => undefined)]);
    }
    const all = Buffer.concat(chunks);
    for (let at = 0; at < all.length; at += PART_BYTES) yield all.subarray(at, at + PART_BYTES);
    if (found?.done === true) return;
  }
}
