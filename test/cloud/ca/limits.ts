/**
 * Let's Encrypt's rate limits (letsencrypt.org/docs/rate-limits): token buckets that refill evenly. Pebble
 * enforces none of them. Pure but for the counts it keeps; times are given.
 */

const HOUR = 3600_000;
const WEEK = 7 * 24 * HOUR;

export interface Limit {
  most: number;
  /** ms in which a whole bucket refills. */
  per: number;
}

export const LETS_ENCRYPT = {
  /** No override exists; one back every 33.6 h. */
  exactSet: { most: 5, per: WEEK },
  registeredDomain: { most: 50, per: WEEK },
  /** Failed validations per account and name. */
  failures: { most: 5, per: HOUR },
  ordersPerAccount: { most: 300, per: 3 * HOUR },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LETS_ENCRYPT;

export interface Refusal {
  limit: LimitName;
  detail: string;
  /** When one token is back. */
  retryAt: Date;
}

/** Remaining tokens, as of a time. */
class Buckets {
  readonly #limit: Limit;
  readonly #full = new Map<string, number>();

  constructor(limit: Limit) {
    this.#limit = limit;
  }

  /** When the key's bucket has a token; `now` or earlier when it has one. */
  availableAt(key: string): number {
    return (this.#full.get(key) ?? 0) - this.#limit.per + this.#limit.per / this.#limit.most;
  }

  take(key: string, now: number): void {
    // The moment the bucket will be full again says how empty it is (GCRA).
    this.#full.set(key, Math.max(this.#full.get(key) ?? 0, now) + this.#limit.per / this.#limit.most);
  }
}

/** The last two labels. Let's Encrypt asks the public suffix list; test domains are not on it. */
const registeredDomain = (name: string): string => name.split(".").slice(-2).join(".");

export class Limits {
  readonly #sets = new Buckets(LETS_ENCRYPT.exactSet);
  readonly #domains = new Buckets(LETS_ENCRYPT.registeredDomain);
  readonly #failures = new Buckets(LETS_ENCRYPT.failures);
  readonly #orders = new Buckets(LETS_ENCRYPT.ordersPerAccount);

  /** Asked at every new order; an accepted one counts against the account. */
  order(account: string, names: readonly string[], now: number): Refusal | undefined {
    const set = setOf(names);
    const checks: [LimitName, number, string][] = [
      [
        "ordersPerAccount",
        this.#orders.availableAt(account),
        "too many new orders (300) from this account in the last 3h0m0s",
      ],
      [
        "exactSet",
        this.#sets.availableAt(set),
        `too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s`,
      ],
      ...names.flatMap((name): [LimitName, number, string][] => [
        [
          "registeredDomain",
          this.#domains.availableAt(registeredDomain(name)),
          `too many certificates (50) already issued for "${registeredDomain(name)}" in the last 168h0m0s`,
        ],
        [
          "failures",
          this.#failures.availableAt(`${account} ${plain(name)}`),
          `too many failed authorizations (5) for "${plain(name)}" in the last 1h0m0s`,
        ],
      ]),
    ];
    const refused = checks.find(([, at]) => at > now);
    if (refused === undefined) {
      this.#orders.take(account, now);
      return undefined;
    }
    const retryAt = new Date(Math.ceil(refused[1] / 1000) * 1000);
    const until = retryAt.toISOString().replace("T", " ").replace(".000Z", " UTC");
    return { limit: refused[0], detail: `${refused[2]}, retry after ${until}`, retryAt };
  }

  /** A certificate was issued. */
  issued(names: readonly string[], now: number): void {
    this.#sets.take(setOf(names), now);
    for (const domain of new Set(names.map(registeredDomain))) this.#domains.take(domain, now);
  }

  /** A validation of a name failed. */
  failed(account: string, name: string, now: number): void {
    this.#failures.take(`${account} ${plain(name)}`, now);
  }
}

const setOf = (names: readonly string[]): string => [...new Set(names)].sort().join(",");
const plain = (name: string): string => name.replace(/^\*\./, "");
