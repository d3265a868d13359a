/** The four visitors that no hand-over may lose a request of, POSTs among them. */
import type { Rehearsal } from "./rehearsal.ts";
import { type ClientOptions, failed, type Sample } from "./sample.ts";
import type { Visitor } from "./visitors.ts";

/** How many times its TTL the second visitor keeps an answer of the resolver, if a scenario does not say. */
export const OUTSTAY = 3;
/** 66 requests a second together; as on AWS 26, for a micro's credits pay for some 40 in the long run. */
const EVERY_MS = { usual: 60, asAws: 150 };
const POST_EVERY = 5;

export interface Crowd {
  /** Asks the resolver again when the TTL is over, and connects for every request. */
  honest: Visitor;
  /** Keeps each answer for `outstay` times its TTL. */
  outstays: Visitor;
  keepsAlive: Visitor;
  /** Speaks HTTP/2 and keeps its one connection. */
  http2: Visitor;
  all: readonly Visitor[];
  stop(): Promise<void>;
}

/** @throws Error when the site does not answer one of them within half a minute. */
export async function startCrowd(
  rehearsal: Rehearsal,
  outstay = OUTSTAY,
  more: Partial<Pick<ClientOptions, "patience">> = {},
): Promise<Crowd> {
  const common = { ...more, every: rehearsal.asAws ? EVERY_MS.asAws : EVERY_MS.usual, postEvery: POST_EVERY };
  const honest = rehearsal.visit({ ...common, name: "honours the TTL" });
  const outstays = rehearsal.visit({ ...common, name: `keeps ${outstay} x TTL`, outstay });
  const keepsAlive = rehearsal.visit({ ...common, name: "keeps connections", keepAlive: true });
  const http2 = rehearsal.visit({ ...common, name: "speaks HTTP/2", http2: true });
  const all = [honest, outstays, keepsAlive, http2];
  for (const visitor of all) {
    if ((await visitor.first((s) => !failed(s), 30)) === undefined) {
      throw new Error(`the site does not answer the visitor who ${visitor.name}`);
    }
  }
  return {
    ...{ honest, outstays, keepsAlive, http2, all },
    stop: async () => {
      await Promise.all(all.map((visitor) => visitor.stop()));
    },
  };
}

/** Failed requests of a visitor, of those sent before a moment if one is given (milliseconds since the epoch). */
export const failures = (visitor: Visitor, before = Number.POSITIVE_INFINITY): Sample[] =>
  visitor.samples.filter((s) => s.at < before && failed(s));

/** Checks that a visitor lost nothing; says what and when if it did. */
export function checkLostNothing(
  rehearsal: Rehearsal,
  visitor: Visitor,
  since: number,
  before?: number,
): void {
  const lost = failures(visitor, before);
  const shown = lost
    .slice(0, 5)
    .map((s) => `${((s.at - since) / 1000).toFixed(1)} s ${s.method} ${s.address}: ${s.error ?? s.status}`);
  rehearsal.check(
    lost.length === 0,
    `the visitor who ${visitor.name} loses no request, but ${lost.length} of ${visitor.samples.length} failed (${shown.join("; ")})`,
  );
}

/** Acknowledged POSTs by the address they were sent to; whoever answered is in the answer. */
export function acknowledged(visitors: readonly Visitor[]): { posts: number; releases: string[] } {
  const posts = visitors.flatMap((v) => v.samples).filter((s) => s.method === "POST" && !failed(s));
  const releases = posts.map((s) => /"release": *"([^"]*)"/.exec(s.body ?? "")?.[1] ?? "no release");
  return { posts: posts.length, releases: [...new Set(releases)].sort() };
}
