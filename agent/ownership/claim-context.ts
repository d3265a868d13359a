import type { BootConfig } from "../../user-data/boot-config.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import type { Claimant, ClaimContext } from "./claim.ts";
import { HAND_OVER_TTL } from "./ttl.ts";

/** What a machine brings to a take-over. */
export type ClaimMachine = Pick<ClaimContext, "store" | "zone" | "peers" | "clock"> & {
  config: Pick<BootConfig, "domain" | "aliases" | "dns">;
};

/** What a take-over on this machine works with. While a swap runs, the records stay easy to move. */
export async function claimContext(
  { store, zone, peers, clock, config }: ClaimMachine,
  signal: AbortSignal,
  onProgress: (done: string) => void = () => {},
): Promise<ClaimContext> {
  const deploy = await runningDeploy(store, clock);
  return {
    ...{ store, zone, peers, clock, signal, onProgress },
    domain: config.domain,
    aliases: config.aliases,
    ttl: deploy?.kind === "swap" ? Math.min(HAND_OVER_TTL, config.dns.ttl) : config.dns.ttl,
  };
}

/** This instance, as it takes the site. */
export function claimantOf(
  { identity }: { identity: Pick<Claimant, "instance" | "address" | "privateAddress"> },
  launched: Date,
  release: string,
): Claimant {
  const { instance, address, privateAddress } = identity;
  return { instance, address, privateAddress, launched, release };
}
