import * as z from "zod/mini";
import type { DocumentType } from "../document.ts";
import { keys } from "../names.ts";
import { ringIfAllowed } from "../runs/bell.ts";

/** Bytes of a page that visitors get during maintenance: it is in one document with the rest. */
export const LARGEST_PAGE = 128 * 1024;

/**
 * `maintenance.json`: whether visitors get a page instead of the site, on whatever instance. Written only by
 * compare-and-swap, by the operator's side; no document: no maintenance, and none before.
 */
export const maintenanceState = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  on: z.boolean(),
  /** When it was last switched on or off. */
  since: z.iso.datetime(),
  /** Who did, e.g. "ann@laptop". */
  by: z.string(),
  /** Addresses that see the site all the same. */
  allow: z.array(z.ipv4()).check(z.maxLength(100)),
  /** HTML; undefined: everspot's own page. */
  page: z.optional(z.string().check(z.maxLength(LARGEST_PAGE))),
});
export type MaintenanceState = z.infer<typeof maintenanceState>;
export const maintenanceDocument: DocumentType<MaintenanceState> = {
  key: keys.maintenance,
  schema: maintenanceState,
  after: ringIfAllowed,
};
