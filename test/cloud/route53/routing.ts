import type { ResourceRecordSet } from "@aws-sdk/client-route-53";

/** What makes several record sets of one name and type: by which of them Route 53 answers whom. */
export type Routing = { SetIdentifier: string } & Pick<ResourceRecordSet, (typeof POLICIES)[number]>;

/** A set has one of these at most (API reference, ResourceRecordSet). */
export const POLICIES = ["Weight", "Region", "Failover", "MultiValueAnswer"] as const;

export const policiesOf = (set: Partial<ResourceRecordSet>): (typeof POLICIES)[number][] =>
  POLICIES.filter((policy) => set[policy] !== undefined);

/**
 * Of several sets the one that a resolver is given. A real server draws by weight and measures latency; here it is
 * always the heaviest, the primary, the first.
 */
export function preferred<R extends { routing?: Routing | undefined }>(sets: readonly R[]): R[] {
  const weight = (set: R): number =>
    set.routing?.Failover === "SECONDARY" ? -1 : Number(set.routing?.Weight ?? 0);
  return [...sets].sort((a, b) => weight(b) - weight(a)).slice(0, 1);
}
