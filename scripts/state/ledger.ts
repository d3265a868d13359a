/** What visitors were answered: each write that was answered with 200, and each that a reader was shown. */
export class Ledger {
  /** When it was asked for, by "client n". */
  readonly begun = new Map<string, number>();
  /** When it was acknowledged, by "client n"; milliseconds of this process's clock. */
  readonly acknowledged = new Map<string, number>();
  /** What a reader was shown, as "client n". */
  readonly shown = new Set<string>();
  /** Of those, what an owner answered after it had been stopped for a while. */
  readonly late = new Set<string>();
  refused = 0;
  /** Milliseconds that a write took at most, with what it waited for an owner. */
  longest = 0;

  show(rows: Record<string, number>): void {
    for (const [client, n] of Object.entries(rows)) this.shown.add(`${client} ${n}`);
  }
}

/** Milliseconds to which a moment of the log is exact: S3's clock shows seconds. */
const EXACT = 1_500;

/**
 * What a database restored as of a moment holds that it must not, or does not hold that it must.
 * @param at milliseconds of this process's clock.
 */
export function judgeMoment(ledger: Ledger, held: Held, at: number): { missing: string[]; early: string[] } {
  const there = new Set(
    Object.entries(held.rows).flatMap(([client, numbers]) => numbers.map((n) => `${client} ${n}`)),
  );
  const acknowledged = [...ledger.acknowledged].filter(([, when]) => when < at - EXACT);
  const later = [...ledger.begun].filter(([, when]) => when > at + EXACT);
  return {
    missing: acknowledged.map(([row]) => row).filter((row) => !there.has(row)),
    early: later.map(([row]) => row).filter((row) => there.has(row)),
  };
}

/** What a restored database holds. */
export interface Held {
  integrity: string;
  /** Every n, by client. */
  rows: Record<string, number[]>;
}

export interface Verdict {
  integrity: string;
  acknowledged: number;
  /** Acknowledged and not there. */
  lost: string[];
  /** Shown to a reader and not there. */
  unseen: string[];
  twice: string[];
}

export function judge(ledger: Ledger, held: Held): Verdict {
  const there = new Set<string>();
  const twice: string[] = [];
  for (const [client, numbers] of Object.entries(held.rows)) {
    for (const n of numbers) {
      const row = `${client} ${n}`;
      if (there.has(row)) twice.push(row);
      there.add(row);
    }
  }
  return {
    integrity: held.integrity,
    acknowledged: ledger.acknowledged.size,
    lost: [...ledger.acknowledged.keys()].filter((row) => !there.has(row)),
    unseen: [...ledger.shown].filter((row) => !there.has(row)),
    twice,
  };
}
