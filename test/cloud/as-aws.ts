import { realisticDelays } from "./ec2/delays.ts";
import type { RealCloud, RealCloudOptions } from "./real.ts";

/**
 * As slow and as late as AWS is: 18 s pending, 30 s until a record is INSYNC (and only then known to name servers),
 * 10 s in which a fleet is `modifying`, shows old values and takes no second change, reads that are 2 s behind, new
 * buckets that do not show what is in them, logs that are shown 3 s after they came, a resolver that remembers what was not there, and burstable machines that
 * have no more processor than they pay for.
 */
export const asAws = {
  delays: { ...realisticDelays, fleetModify: 10_000, shown: 2_000 },
  dnsDelays: { insyncMs: 30_000 },
  logs: { visibleMs: 3_000 },
  credits: true,
  negativeCache: true,
} satisfies RealCloudOptions;

/** EC2 does not know a new instance profile for so long, milliseconds. */
const PROFILE_MS = 8_000;

/** What is set once it runs. */
export function playAsAws(cloud: RealCloud): void {
  cloud.iam.instances.propagationMs = PROFILE_MS;
}
