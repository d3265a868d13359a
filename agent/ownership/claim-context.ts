import type { BootMachine } from "../machine/machine.ts";
import { runningDeploy } from "../watch/deploy.ts";
import type { ClaimContext } from "./claim.ts";
import { HAND_OVER_TTL } from "./ttl.ts";

/** What a take-over on this machine works with. While a swap runs, the records stay easy to move. */
export async function claimContext(
  machine: BootMachine,
  signal: AbortSignal,
  onProgress: (done: string) => void = () => {},
): Promise<ClaimContext> {
  const { store, zone, peers, clock, config } = machine;
  const deploy = await runningDeploy(store, clock);
  return {
    ...{ store, zone, peers, clock, signal, onProgress },
    domain: config.domain,
    aliases: config.aliases,
    ttl: deploy?.kind === "swap" ? Math.min(HAND_OVER_TTL, config.dns.ttl) : config.dns.ttl,
  };
}
