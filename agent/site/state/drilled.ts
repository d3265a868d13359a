import * as z from "zod/mini";

/** How the last drill on an instance ended (`looks/state-drill.json`). Times are ISO 8601, sizes bytes. */
export const drilled = z.object({
  version: z.literal(1),
  at: z.iso.datetime(),
  /** The instance. */
  by: z.string(),
  /** The last entry of the log, and its time. */
  entry: z.int(),
  as: z.string(),
  seconds: z.number(),
  /** Empty: all of it can be restored, and is whole. */
  failures: z.array(z.string()),
  databases: z.array(z.object({ name: z.string(), size: z.int(), rows: z.int() })),
});
export type Drilled = z.infer<typeof drilled>;
