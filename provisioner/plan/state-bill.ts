/** What keeping a site's state costs and promises. Pure. */
import { longestPace } from "../../agent/state/pace.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { BillLine } from "./bill.ts";
import prices from "./prices.json" with { type: "json" };

type State = NonNullable<SiteConfig["state"]>;

/** Seconds that one PUT may need on top. */
const PUT_SECONDS = 0.5;

/**
 * Seconds of writes that may be lost in "fast" when a machine is gone at once: what steady writing settles at when it
 * has used up what the budget pays for in a day.
 */
export const mostLost = ({ budget }: Pick<State, "budget">): number =>
  longestPace({ short: 0, day: 0, at: 0 }, budget) / 1000 + PUT_SECONDS;

/** In a few words, for `plan` and `status`. */
export const promiseOf = (state: Pick<State, "budget" | "durability">): string =>
  state.durability === "s3"
    ? "nothing that was acknowledged is lost"
    : `up to ${Math.ceil(mostLost(state))} s of writes may be lost when a machine dies at once`;

/** A quiet site pays nothing; a busy one at most its budget, in "fast". */
export const stateLine = (state: Pick<State, "budget" | "durability">): BillLine => ({
  what: "state, writing to the bucket",
  low: 0,
  high: state.budget,
  note:
    state.durability === "s3"
      ? `${promiseOf(state)}; each answer that wrote is a PUT of its own, and beyond the budget, too`
      : promiseOf(state),
});

/** USD a month at the pace so far. @param found sizes in bytes. */
export function stateCost(found: {
  entriesPerDay: number;
  stored: { log: number; chunks: number; media: number };
}): { puts: number; storage: number; total: number } {
  const { log, chunks, media } = found.stored;
  const puts = ((found.entriesPerDay * 30) / 1000) * prices.s3.putPerThousand;
  const storage = ((log + chunks + media) / 1e9) * prices.s3.storagePerGbMonth;
  return { puts, storage, total: puts + storage };
}
