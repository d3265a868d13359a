import type { Piece, Stream } from "../../agent/site/runs/output.ts";
import type { Stdio } from "./stdio.ts";

/** Bytes of output that a JSON document is given. */
const MOST = 32 * 1024 * 1024;
/** What Python asks for the next line with. */
const PROMPT = />>> $/;

/** Where what a command writes goes: to the same outputs of this program, or into a document. */
export interface Collected {
  take(piece: Piece): Promise<void>;
  /** Resolves when the command waits for a line of Python. */
  prompted: Promise<void>;
  /** What was written, for a document. `cut`: not all of it. */
  text(): Record<Stream, string> & { cut?: true };
}

/** @param onGone the reader of an output has gone: nothing more is written there. */
export function collect(stdio: Stdio, { json, onGone }: { json: boolean; onGone(): void }): Collected {
  const kept: Record<Stream, Buffer[]> = { stdout: [], stderr: [] };
  const closed = new Set<Stream>();
  let bytes = 0;
  let cut = false;
  let tail = "";
  let prompt = () => {};
  const prompted = new Promise<void>((resolve) => {
    prompt = resolve;
  });
  return {
    prompted,
    async take({ stream, bytes: written }) {
      if (stream === "stdout") {
        tail = (tail + Buffer.from(written).toString("latin1")).slice(-8);
        if (PROMPT.test(tail)) prompt();
      }
      if (json) {
        cut ||= bytes + written.byteLength > MOST;
        if (!cut) kept[stream].push(Buffer.from(written));
        bytes += written.byteLength;
      } else if (!closed.has(stream) && !(await stdio.write(stream, written))) {
        closed.add(stream);
        onGone();
      }
    },
    text: () => ({
      stdout: Buffer.concat(kept.stdout).toString("utf8"),
      stderr: Buffer.concat(kept.stderr).toString("utf8"),
      ...(cut && { cut }),
    }),
  };
}
