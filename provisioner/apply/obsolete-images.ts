import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Aws } from "../aws/connect.ts";
import { hasCode } from "../aws/errors.ts";
import { obsoleteImages } from "../seen/choose.ts";

/** Removes images that are no longer needed, and snapshots without an image. @returns the ids of what is gone. */
export async function tidyImages(aws: Aws): Promise<string[]> {
  const [images, [template], instances, site] = await Promise.all([
    aws.bakedImages.look(),
    aws.templates.look(),
    aws.instances.look(),
    readDocument(aws.store, siteDocument),
  ]);
  const owner = instances.find((i) => i.alive && i.id === site.value?.owner);
  const gone = obsoleteImages(images, template?.latest.image, owner?.image);
  for (const image of gone) await removeImage(aws, image);
  const kept = new Set(images.filter((i) => !gone.includes(i)).map((i) => i.snapshot));
  // EC2 does not name the snapshot of an image that is still being made.
  const making = images.some((i) => i.state === "pending");
  const loose = making ? [] : (await aws.bakedImages.snapshots()).filter((s) => !kept.has(s.id));
  for (const { id } of loose) await aws.bakedImages.removeSnapshot(id);
  return [...gone.flatMap((i) => [i.id, i.snapshot ?? []].flat()), ...loose.map((s) => s.id)];
}

/** Seconds for which a snapshot may count as used by an image that is gone. */
const LET_GO_SECONDS = 30;

/** The image first: its snapshot cannot be deleted while it exists. */
export async function removeImage(
  aws: Aws,
  { id, snapshot }: { id: string; snapshot: string | undefined },
  clock: Clock = systemClock,
): Promise<void> {
  await aws.bakedImages.remove(id);
  if (snapshot === undefined) return;
  const end = clock.now() + LET_GO_SECONDS * 1000;
  for (;;) {
    try {
      return await aws.bakedImages.removeSnapshot(snapshot);
    } catch (error) {
      const inUse = error instanceof EverspotError && hasCode(error.cause, "InvalidSnapshot.InUse");
      if (!inUse || clock.now() >= end) throw error;
      await clock.sleep(1000);
    }
  }
}
