import type { StateBucket } from "../../agent/site/state/bucket.ts";
import { type Restored, restore } from "../../agent/site/state/restore.ts";
import { unzstd } from "./unzstd.ts";

/** What the site has written, brought to this computer's disk. */
export interface Had extends Restored {
  folder: string;
}

/** @param which undefined: all there is. @throws EverspotError */
export async function had(
  bucket: StateBucket,
  folder: string,
  which: { last?: number; until?: string } = {},
  onTrouble: (error: Error) => void = () => {},
): Promise<Had> {
  return { folder, ...(await restore(bucket, folder, { ...which, unzstd, onTrouble })) };
}
