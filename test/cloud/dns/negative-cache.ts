import type { Clock } from "../../../agent/site/clock.ts";
import { escapeName, isWithin } from "../domain-names.ts";
import type { Resolution } from "./resolve.ts";

/**
 * What a resolver remembers not to be there, for as long as the zone's SOA says (RFC 2308 §5; Route 53's own SOA: 15
 * minutes): a name with all its types and all below it (RFC 8020), or one type of a name.
 */
export class NegativeCache {
  readonly #clock: Clock;
  readonly #known = new Map<string, { resolution: Resolution; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined for what is not known to be missing. */
  find(name: string, type: string): Resolution | undefined {
    const wanted = escapeName(name);
    for (const [key, { resolution, until }] of this.#known) {
      if (this.#clock.now() >= until) this.#known.delete(key);
      else if (key === `${wanted} ${type}` || isWithin(wanted, key)) return resolution;
    }
    return undefined;
  }

  /** Only what the zone's own servers said is remembered, and only a "no". */
  note(name: string, type: string, resolution: Resolution): void {
    const soa = resolution.authorities.find((a) => a.type === "SOA");
    const missing = resolution.rcode === "NXDOMAIN";
    if (
      soa?.type !== "SOA" ||
      !(missing || (resolution.rcode === "NOERROR" && resolution.answers.length === 0))
    )
      return;
    const key = missing ? escapeName(name) : `${escapeName(name)} ${type}`;
    this.#known.set(key, { resolution, until: this.#clock.now() + (soa.ttl ?? 0) * 1000 });
  }
}
