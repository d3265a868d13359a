/** What the agent does continually while its instance has the site. */
import type { Logger } from "pino";
import type { ServedCertificate } from "../certificate/context.ts";
import type { Packages } from "../packages/ensure.ts";
import type { Candidates } from "../release/candidates.ts";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";

/** A release that served this long without a failed health check is known to be good. */
const SOAK_SECONDS = 300;
const SOAK_LOOK_SECONDS = 10;
/** Short, as an operator may be waiting, and visitors of a site that began without a trusted certificate are. */
const RENEWAL_LOOK_SECONDS = 60;
/** Short enough to notice that an image has vanished before AWS takes the instance. */
const IMAGE_LOOK_SECONDS = 60;

/** Marks the release as the last known good after its soak; a failed check restarts the soak. */
export async function soak(
  release: string,
  candidates: Pick<Candidates, "markGood">,
  ask: () => Promise<{ ok: boolean }>,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let since = clock.now();
  for (;;) {
    await clock.sleep(SOAK_LOOK_SECONDS * 1000, signal);
    if (!(await ask()).ok) since = clock.now();
    if (clock.now() - since < SOAK_SECONDS * 1000) continue;
    try {
      if (await candidates.markGood(release)) log.info({ release }, "last known good");
      return;
    } catch (error) {
      log.warn(`channel.json: ${messageOf(error)}`);
    }
  }
}

/** Renews the certificate when it is due and makes nginx serve it. Checks at once, then every minute. */
export async function keepCertificate(
  renew: () => Promise<ServedCertificate | undefined>,
  serve: (certificate: ServedCertificate) => Promise<void>,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      const renewed = await renew();
      if (renewed !== undefined) {
        await serve(renewed);
        log.info({ serial: renewed.serial, until: renewed.notAfter }, "serving a new certificate");
      }
    } catch (error) {
      log.warn(`certificate: ${messageOf(error)}`);
    }
    await clock.sleep(RENEWAL_LOOK_SECONDS * 1000, signal);
  }
}

/** Makes sure that another instance can be launched. @param ensure returns what it did for that, if anything. */
export async function keepLaunchable(
  ensure: () => Promise<string | undefined>,
  tell: (done: string) => void,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(IMAGE_LOOK_SECONDS * 1000, signal);
    try {
      const done = await ensure();
      if (done === undefined) continue;
      log.warn(done);
      tell(done);
    } catch (error) {
      log.warn(`the image: ${messageOf(error)}`);
    }
  }
}

const PROOF_SECONDS = 60;
/** Between two checks, of which all but one a week do nothing; the first is long after the boot. */
const LAYERS_SECONDS = 3600;

/** The packages of this machine are proven once it has the site; from then on it looks for security updates. */
export async function keepLayers(
  packages: Pick<Packages, "prove" | "renew">,
  tell: (done: string) => void,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const trouble = (error: unknown): undefined => {
    signal.throwIfAborted();
    log.warn(`layers: ${messageOf(error)}`);
  };
  for (;;) {
    const proven = await packages.prove().catch(trouble);
    if (proven) tell("its packages have proved good: the next machine gets them too");
    if (proven !== undefined) break;
    await clock.sleep(PROOF_SECONDS * 1000, signal);
  }
  for (;;) {
    await clock.sleep(LAYERS_SECONDS * 1000, signal);
    const found = await packages.renew(signal).catch(trouble);
    if (found?.length) tell(`security updates for the next swap: ${found.join(", ")}`);
  }
}
