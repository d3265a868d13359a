/** `drills.json`: what the drills of a site measured. Written only by compare-and-swap, by the operator's side. */
import * as z from "zod";
import type { DocumentType } from "../../agent/site/document.ts";
import { keys } from "../../agent/site/names.ts";

const drill = z.strictObject({
  /** When the instance was interrupted, ISO 8601. */
  at: z.iso.datetime(),
  by: z.string(),
  /** `interruption`: with AWS's own notice of two minutes; `terminate`: with none. */
  way: z.enum(["interruption", "terminate"]),
  /** The instance interrupted, and the one that has served since. */
  from: z.string(),
  to: z.string(),
  /** Seconds until another instance owned the site. */
  handedOver: z.number(),
  downtime: z.number(),
  requests: z.int(),
  failed: z.int(),
});
export type Drill = z.infer<typeof drill>;

const drills = z.strictObject({ version: z.literal(1), nonce: z.string(), drills: z.array(drill) });
export const drillsDocument: DocumentType<z.infer<typeof drills>> = { key: keys.drills, schema: drills };

/** Drills kept, at most. */
const KEPT = 100;
export const withDrill = (before: readonly Drill[], one: Drill): Drill[] =>
  [...before.filter((d) => d.at !== one.at), one].slice(-KEPT);
