/** How old the image is that the running instance began with, and what is done about it. */
import type { BootRecord } from "../../agent/site/boot-record.ts";
import { daysSince } from "../../agent/site/clock.ts";
import { OLD_IMAGE_DAYS } from "../../agent/site/config/site.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { SiteSeen } from "./observe.ts";

/** Debian's image that the instance's disk began as, under the site's own if that has one. */
export interface BeganWith {
  image: string;
  /** Undefined when it is gone. */
  created: Date | undefined;
  /** Debian's newest image. */
  newest: string | undefined;
}

/** The owner's, or else that of the newest instance that is alive; undefined when there is none. */
export async function observeImageAge(
  { image: { os }, fleet: { arch } }: SiteConfig,
  aws: Aws,
  seen: SiteSeen,
  boot: BootRecord | undefined,
): Promise<BeganWith | undefined> {
  const alive = seen.instances.filter((i) => i.alive);
  const runs = alive.find((i) => i.id === seen.state?.owner) ?? alive[0];
  if (runs === undefined) return undefined;
  const said = boot?.instance === runs.id ? boot.base : undefined;
  const image = said ?? seen.images.find((i) => i.id === runs.image)?.base ?? runs.image;
  const [found, newest] = await Promise.all([aws.images.find(image), aws.images.newest(os, arch)]);
  return { image, created: found?.created, newest };
}

/** For a person, if the image is old and Debian has a newer. @param now milliseconds since the epoch. */
export function imageOddity(began: BeganWith | undefined, now: number): string | undefined {
  if (began === undefined || began.newest === undefined || began.newest === began.image) return undefined;
  const { image, created, newest } = began;
  const days = created === undefined ? undefined : daysSince(created, now);
  if (days !== undefined && days < OLD_IMAGE_DAYS) return undefined;
  const age = days === undefined ? "gone" : `${days} days old, and with it the kernel`;
  return `Debian's image ${image} that the instance began with is ${age}: \`everspot deploy --refresh-image\` swaps in one with ${newest}`;
}

/** What was made before this is outdated by `[image] refresh`; undefined: nothing ever is. */
export function outdatedBefore({ image: { refresh } }: SiteConfig, now: number): Date | undefined {
  return refresh === "never" ? undefined : new Date(now - Number.parseInt(refresh, 10) * 86_400_000);
}
