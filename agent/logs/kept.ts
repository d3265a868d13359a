/** How far the journal is in CloudWatch Logs, kept on the disk over every restart of the agent. */
import { rename, writeFile } from "node:fs/promises";
import * as z from "zod/mini";
import { readIfThere } from "../system/files.ts";
import type { Batch } from "./batches.ts";

const end = z.object({ at: z.number(), lines: z.number() });

const sent = z.object({
  stream: z.string(),
  /** Times of the first and the last line. */
  from: z.number(),
  until: z.number(),
  shown: z.number(),
  end,
  /** Cursor of the last line. */
  to: z.string(),
});
export type Sent = z.output<typeof sent>;

const form = z.object({
  version: z.literal(1),
  /** Another one's, where the disk is a copy: it counts for nothing. */
  instance: z.string(),
  /** All up to this entry is kept. */
  cursor: z.optional(z.string()),
  ends: z.record(z.string(), end),
  /** By stream: what is kept beyond that, up to this entry. */
  ahead: z.record(z.string(), z.string()),
  /** These may or may not have arrived. */
  sending: z.array(sent),
  /** UTC, with the bytes that were sent and the lines that were left out. */
  day: z.object({ date: z.string(), bytes: z.number(), left: z.number() }),
});
export type Progress = z.output<typeof form>;

export const sentOf = ({ stream, lines, shown, end: last, to }: Batch): Sent => ({
  ...{ stream, shown, end: last, to },
  from: lines[0]?.at ?? 0,
  until: lines.at(-1)?.at ?? 0,
});

export interface Kept {
  read(): Promise<Progress>;
  write(progress: Progress): Promise<void>;
}

/** A file. Not flushed to the disk: it is written every second, and what a power cut takes of it is sent once more. */
export function keptIn(file: string, instance: string): Kept {
  return {
    read: async () => {
      const fresh: Progress = {
        ...{ version: 1, instance, ends: {}, ahead: {}, sending: [] },
        day: { date: "", bytes: 0, left: 0 },
      };
      const text = await readIfThere(file).catch(() => undefined);
      const found = z.safeParse(form, text === undefined ? undefined : parsed(text));
      return found.success && found.data.instance === instance ? found.data : fresh;
    },
    write: async (progress) => {
      const next = `${file}.next`;
      await writeFile(next, JSON.stringify(progress), { mode: 0o600 });
      await rename(next, file);
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
