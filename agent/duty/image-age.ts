/** Tells of an image that is old: nothing else brings this machine, or those that follow it, a newer kernel. */
import type { Logger } from "pino";
import { type Clock, daysSince } from "../site/clock.ts";
import { OLD_IMAGE_DAYS } from "../site/config/site.ts";
import { messageOf } from "../site/errors.ts";

/** The first look is long after the boot. Seconds. */
const FIRST_SECONDS = 3600;
const EVERY_SECONDS = 86_400;

/**
 * Looks once a day, until the signal is aborted.
 * @param created when Debian made the image that the machine's disk began as; undefined: AWS has it no more.
 */
export async function watchImageAge(
  image: string,
  created: () => Promise<Date | undefined>,
  tell: (text: string) => void,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (let pause = FIRST_SECONDS; ; pause = EVERY_SECONDS) {
    await clock.sleep(pause * 1000, signal);
    try {
      const text = oldImage(image, await created(), clock.now());
      if (text !== undefined) tell(text);
    } catch (error) {
      log.warn(`the image's age: ${messageOf(error)}`);
    }
  }
}

function oldImage(image: string, created: Date | undefined, now: number): string | undefined {
  const then = "`everspot deploy --refresh-image` swaps in a machine with Debian's newest";
  if (created === undefined)
    return `the image ${image}, from which this machine was launched, is gone: ${then}`;
  const days = daysSince(created, now);
  if (days < OLD_IMAGE_DAYS) return undefined;
  return `the image ${image}, from which this machine was launched, and with it the kernel, is ${days} days old: ${then}`;
}
