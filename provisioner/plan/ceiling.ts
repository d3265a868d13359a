/** What a site's fleet may cost at most, whoever changes it. Pure. */
import prices from "./prices.json" with { type: "json" };

/**
 * A fleet's `MaxTotalPrice`, USD per hour, fixed when it is created: room for two instances of the dearest type, which
 * is what healing and a swap need. By on-demand prices, so that a rise of spot prices never stops a replacement, and
 * because AWS does not say whether it counts a spot instance by its price of now or by the most it may cost.
 */
export interface Ceiling {
  /** What a new fleet gets. */
  wanted: number;
  /** A fleet with less cannot hold two instances of the dearest type. */
  least: number;
}

/** Room above two instances: on-demand prices rarely change, and seldom upwards. */
const ROOM = 1.25;
/** What the dearest region, São Paulo, costs compared with that of prices.json, for small burstable types: 1.62. */
const DEAREST_REGION = 1.7;

/** @param maxPrice of a spot instance, USD per hour. @returns undefined when the price of a type is not known. */
export function ceilingOf(
  types: readonly string[],
  region: string,
  maxPrice: number | undefined,
): Ceiling | undefined {
  const known: Readonly<Record<string, number>> = prices.onDemandPerHour;
  const each = types.flatMap((type) => known[type] ?? []);
  if (each.length < types.length || each.length === 0) return undefined;
  const elsewhere = region === prices.region ? 1 : DEAREST_REGION;
  const least = 2 * Math.max(maxPrice ?? 0, ...each.map((price) => price * elsewhere));
  return { wanted: Math.ceil(least * ROOM * 10_000) / 10_000, least };
}

/** Those whose price is not in prices.json. */
export const unpriced = (types: readonly string[]): string[] =>
  types.filter((type) => !(type in prices.onDemandPerHour));

/** Whether a fleet with this `MaxTotalPrice` can stay as it is. */
export const holds = (has: number | undefined, ceiling: Ceiling | undefined): boolean =>
  ceiling === undefined ? has === undefined : has !== undefined && has >= ceiling.least;
