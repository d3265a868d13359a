/** What CPU credits that are borrowed cost at most. Pure. */
import { baselineOf, type Credits } from "../../agent/site/config/burstable.ts";
import prices from "./prices.json" with { type: "json" };

/** USD. */
export interface Surplus {
  what: string;
  most: number;
  note: string;
}

/** USD per hour of a machine at full load, beyond what its own credits pay: the dearest of these types. */
function hourly(types: readonly string[]): number {
  const { arm64, otherwise } = prices.surplusPerVcpuHour;
  const each = types.map((type) => {
    const baseline = baselineOf(type);
    if (baseline === undefined) return 0;
    return baseline.vcpus * (1 - baseline.share) * (type.startsWith("t4g.") ? arm64 : otherwise);
  });
  return Math.max(0, ...each);
}

/** Undefined where nothing is ever borrowed. */
export function surplusOf(types: readonly string[], credits: Credits): Surplus | undefined {
  const most = hourly(types);
  if (most === 0 || credits === "standard") return undefined;
  if (credits === "unlimited") {
    const note = '[fleet] credits = "unlimited", if it is at full load all the time';
    return { what: "CPU credits, at most", most: most * prices.hoursPerMonth, note };
  }
  const note = "if it is at full load for its first hour; what it borrows to boot it earns back";
  return { what: "CPU credits of a new machine, at most", most, note };
}
