import { EverspotError } from "../../agent/site/errors.ts";
import type { Rehearsal } from "../rehearsal/rehearsal.ts";
import { failed } from "../rehearsal/sample.ts";
import type { Visitor } from "../rehearsal/visitors.ts";

const EVERY_MS = 50;
const SECONDS = 300;

/** Someone who asks for the site over HTTPS, and the resolver for its address, every 50 ms. */
export const startAsking = (site: Rehearsal): Visitor =>
  site.visit({ name: "asks anew each time", outstay: 0, every: EVERY_MS });

/** When the site first answered 200 from an address, or from another than that. Milliseconds since the epoch. */
export async function firstAnswer(
  visitor: Visitor,
  from: { address: string } | { not: string | undefined },
): Promise<{ at: number; address: string }> {
  const fits = (address: string | undefined) =>
    address !== undefined && ("address" in from ? address === from.address : address !== from.not);
  const found = await visitor.first((s) => !failed(s) && fits(s.address), SECONDS);
  if (found?.address === undefined) throw new EverspotError(`the site did not answer within ${SECONDS} s`);
  return { at: found.at + found.milliseconds, address: found.address };
}
