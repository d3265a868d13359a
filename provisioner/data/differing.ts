import { open } from "node:fs/promises";
import { FRAME_HEADER } from "../../agent/site/state/frames.ts";
import { changes } from "../../agent/state/compare.ts";
import { type Wanted, withSources } from "./bring.ts";

/** Bytes of the pages that differ from those of a file of what the log has; undefined: it has none. */
export const differing = (database: Wanted, there: string | undefined): Promise<number> =>
  withSources([database], async ([source]) => {
    let bytes = 0;
    for (const { body } of source === undefined ? [] : changes(source, there)) bytes += body.length;
    const one = bytes > 0 && bytes <= FRAME_HEADER + database.page;
    return one && there !== undefined && (await sameButCounters(database, there)) ? 0 : bytes;
  });

/** Parts of the header in which a copy may differ: change counter, schema cookie, and by which SQLite. */
const COUNTERS = [
  [24, 28],
  [40, 44],
  [92, 100],
] as const;

async function sameButCounters({ path: own, page }: Wanted, there: string): Promise<boolean> {
  const [mine, theirs] = await Promise.all(
    [own, there].map(async (file) => {
      const handle = await open(file);
      const { buffer } = await handle.read(Buffer.alloc(page), 0, page, 0).finally(() => handle.close());
      for (const [from, to] of COUNTERS) buffer.fill(0, from, to);
      return buffer;
    }),
  );
  return mine !== undefined && theirs !== undefined && mine.equals(theirs);
}
