/** Which image the site's instances are launched from, and which of its own images it no longer needs. Pure. */
import type { BakedImage } from "../aws/baked-images.ts";

/** The newest of the site's own images that is made from this Debian image and can be launched on such a disk. */
export const newestBaked = (
  images: readonly BakedImage[],
  fit: { base: string | undefined; arch: string; disk: number },
): BakedImage | undefined =>
  images
    .filter(
      (i) => i.state === "available" && i.base === fit.base && i.arch === fit.arch && i.size <= fit.disk,
    )
    .sort((a, b) => b.created.getTime() - a.created.getTime())[0];

/**
 * The site's own images that can go. The image launched from now on stays. All others go once an instance launched
 * from that image has the site; until then the one that is known to boot stays, or else the newest.
 * An image still being made may be someone's work in progress, and stays too.
 * @param launched id of the image in the newest version of the launch template.
 * @param owners id of the image that the instance with the site was launched from.
 */
export function obsoleteImages(
  images: readonly BakedImage[],
  launched: string | undefined,
  owners: string | undefined,
): BakedImage[] {
  const others = images.filter((i) => i.id !== launched && i.state !== "pending");
  if (owners === launched) return others;
  const usable = others.filter((i) => i.state === "available");
  const spare = usable.find((i) => i.id === owners) ?? usable[0];
  return others.filter((i) => i !== spare);
}
