import { ASK_AGAIN_SECONDS } from "../ownership/gone.ts";
import type { Launches } from "../ports/launches.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument } from "../site/document.ts";
import { imageDocument } from "../site/documents/image-note.ts";
import type { ObjectStore } from "../site/store.ts";

/**
 * An image of the site's own may be gone (deregistered by hand, by a clean-up), and then no instance comes when this
 * one goes. So the fleet launches Debian's image again, by the version of the launch template that was made for it.
 * Not while a deploy is under way, which changes these things itself. Safe to repeat.
 * @returns what was done, for a person; undefined when all is well.
 */
export async function ensureImage(site: {
  store: ObjectStore;
  launches: Launches;
  deploying: () => Promise<boolean>;
  clock: Clock;
  signal: AbortSignal;
}): Promise<string | undefined> {
  const { store, launches, deploying, clock, signal } = site;
  const { value: note } = await readDocument(store, imageDocument);
  if (note === undefined || (await launches.version()) !== note.launches) return undefined;
  if (await launches.hasImage(note.image)) return undefined;
  // One answer of EC2 may be behind.
  await clock.sleep(ASK_AGAIN_SECONDS * 1000, signal);
  if (await launches.hasImage(note.image)) return undefined;
  if (await deploying()) return undefined;
  await launches.launchBy(note.stock);
  return `the site's own image ${note.image} is gone: the next instance boots from Debian's`;
}
