import * as z from "zod/mini";
import type { DocumentType } from "../document.ts";
import { keys } from "../names.ts";
import { ringIfAllowed } from "../runs/bell.ts";

/** ISO 8601, UTC. */
const time = z.iso.datetime();

/** `site.json`: who owns the site. Written only by compare-and-swap. */
export const siteState = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  epoch: z.int().check(z.nonnegative()),
  owner: z.string(),
  /** IPv4 addresses of the owner. */
  address: z.ipv4(),
  privateAddress: z.ipv4(),
  /** When EC2 launched the owner; the newest healthy launch wins. */
  launched: time,
  since: time,
  release: z.optional(z.string()),
  /** `claiming` until the records point at the owner and are INSYNC. */
  state: z.enum(["claiming", "serving"]),
});
export type SiteState = z.infer<typeof siteState>;
export const siteDocument: DocumentType<SiteState> = {
  key: keys.site,
  schema: siteState,
  after: ringIfAllowed,
};
