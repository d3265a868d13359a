/** How an instance that is about to take the site over has the jobs and workers of the one before end first. */
import * as z from "zod/mini";
import type { DocumentType } from "../document.ts";
import { keys } from "../names.ts";

/**
 * `yield.json`: who asks, and whom; and that one's answer once all have ended. By compare-and-swap only. It gives none
 * any right: where no answer comes, the site passes over all the same.
 */
const yielding = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  id: z.string(),
  by: z.string(),
  of: z.string(),
  asked: z.iso.datetime(),
  stopped: z.optional(z.iso.datetime()),
});
export type Yielding = z.infer<typeof yielding>;
export const yieldDocument: DocumentType<Yielding> = { key: keys.yield, schema: yielding };

/** Seconds after which whoever asked has not come to take the site: jobs and workers go on where they were. */
export const YIELD_SECONDS = 120;
