import { EverspotError } from "../../agent/site/errors.ts";
import type { Rehearsal } from "../rehearsal/rehearsal.ts";
import { failed } from "../rehearsal/sample.ts";
import type { Visitor } from "../rehearsal/visitors.ts";

/** Oftener would take a tenth of a processor from what is measured. */
const EVERY_MS = 100;
const SECONDS = 300;

/** Someone who asks for the site over HTTPS, and the resolver for its address, every 100 ms. */
export const startAsking = (site: Rehearsal): Visitor =>
  site.visit({ name: "connects afresh each time", outstay: 0, every: EVERY_MS });

/**
 * When the site first answered 200, of the instance with this address if one is given. Milliseconds since the epoch.
 * @param since a moment before which nothing counts: an address may have been another instance's.
 */
export async function firstAnswer(visitor: Visitor, since: number, address?: string): Promise<number> {
  const found = await visitor.first(
    (s) => s.at >= since && !failed(s) && (address === undefined || s.address === address),
    SECONDS,
  );
  if (found === undefined) throw new EverspotError(`the site did not answer within ${SECONDS} s`);
  return found.at + found.milliseconds;
}
