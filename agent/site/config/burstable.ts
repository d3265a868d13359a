/** What AWS gives the burstable types T2, T3, T3a and T4g (EC2 user guide, "Burstable performance instances"). */
import * as z from "zod/mini";
import { notes } from "./text.ts";

/** Only T instances earn CPU credits; EC2 launches no other type with a credit setting. */
export const isBurstable = (type: string): boolean => /^t\d/.test(type);

export interface Baseline {
  vcpus: number;
  /** The part of each vCPU that is paid for with the instance, and all that it gets once its credits are spent. */
  share: number;
}

const SHARES: Readonly<Record<string, number>> = {
  ...{ nano: 0.05, micro: 0.1, small: 0.2, medium: 0.2, large: 0.3, xlarge: 0.4, "2xlarge": 0.4 },
};
const VCPUS: Readonly<Record<string, number>> = { xlarge: 4, "2xlarge": 8 };
/** Older, and other in part. */
const T2: Readonly<Record<string, Baseline>> = {
  "t2.nano": { vcpus: 1, share: 0.05 },
  "t2.micro": { vcpus: 1, share: 0.1 },
  "t2.small": { vcpus: 1, share: 0.2 },
  "t2.xlarge": { vcpus: 4, share: 0.225 },
  "t2.2xlarge": { vcpus: 8, share: 0.17 },
};

/** Undefined for a type without credits. A burstable one that is not known counts as the smallest. */
export function baselineOf(type: string): Baseline | undefined {
  if (!isBurstable(type)) return undefined;
  const size = type.split(".")[1] ?? "";
  return T2[type] ?? { vcpus: VCPUS[size] ?? 2, share: SHARES[size] ?? 0.05 };
}

/** How often as long work for one processor takes on a machine of this type that has spent its credits; at least 1. */
export function slownessOf(type: string): number {
  const baseline = baselineOf(type);
  return baseline === undefined ? 1 : Math.max(1, 1 / (baseline.vcpus * baseline.share));
}

export const credits = z._default(z.enum(["boot", "standard", "unlimited"]), "boot").register(notes, {
  description:
    'How the small T types, which earn CPU credits by the hour, get more processor than that. "boot": a new machine borrows what it needs to boot at full speed, and stops borrowing once that is earned back, after an hour at the latest. "standard": nothing is ever borrowed, so a new t3.micro boots at a tenth of the speed. "unlimited": whatever a machine uses is borrowed, at up to $0.05 per vCPU and hour.',
  examples: ["boot"],
});
export type Credits = z.output<typeof credits>;
