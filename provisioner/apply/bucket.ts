import type { Aws } from "../aws/connect.ts";
import { bucketPolicy, lifecycle } from "../wanted/bucket-rules.ts";

/** Makes the site's bucket where there is none, as `up` would; what `up` finds to change later, it changes. */
export async function ensureBucket({ bucket, partition }: Aws): Promise<{ made: boolean }> {
  const seen = await bucket.look();
  if (seen !== undefined) return { made: false };
  await bucket.create();
  await bucket.tag();
  await bucket.blockPublicAccess();
  await bucket.version();
  await bucket.encrypt();
  await bucket.setPolicy(bucketPolicy(bucket.name, partition));
  await bucket.setLifecycle(lifecycle);
  return { made: true };
}
