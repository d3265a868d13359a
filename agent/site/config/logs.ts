/** [logs]: what of the site's log is kept. */
import * as z from "zod/mini";
import { notes } from "./text.ts";

export const logs = {
  max_mb_per_day: z._default(z.int().check(z.minimum(1), z.maximum(100_000)), 150).register(notes, {
    description:
      "Megabytes of log that an instance brings into CloudWatch Logs in a day (UTC), at most. Beyond that, a notice stands in the log, and only what the agent itself says is kept. 150 a day are within the 5 GB a month that AWS gives for nothing.",
    examples: [150],
  }),
};
