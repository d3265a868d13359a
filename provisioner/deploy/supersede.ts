import { messageOf } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import type { Aws } from "../aws/connect.ts";
import type { Tools } from "../operator/tools.ts";
import { listStates, superseded } from "../release/releases.ts";

/** Marked per deploy: each deploy makes one more, so a few that were missed are caught up with. */
const AT_ONCE = 3;

/** Lets the bucket's lifecycle delete releases no one will want again. A failure to do so does not fail the deploy. */
export async function markSuperseded(aws: Aws, { terminal }: Pick<Tools, "terminal">): Promise<void> {
  try {
    const old = superseded(await listStates(aws.store)).slice(0, AT_ONCE);
    for (const id of old) {
      await aws.bucket.expire(keys.releaseZip(id));
      await aws.bucket.expire(keys.releaseManifest(id));
    }
  } catch (error) {
    terminal.warn(`old releases stay in the bucket: ${messageOf(error)}`);
  }
}

/** A release that is to serve again must not be deleted under the site. */
export async function keepRelease(aws: Aws, id: string): Promise<void> {
  await aws.bucket.keep(keys.releaseZip(id));
  await aws.bucket.keep(keys.releaseManifest(id));
}
