import type { Logger } from "pino";
import type { Machine } from "../machine/machine.ts";
import { isGone } from "../ownership/gone.ts";
import { readDocument } from "../site/document.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { siteDocument } from "../site/documents/site-state.ts";
import { messageOf } from "../site/errors.ts";

type SpareMachine = Pick<Machine, "store" | "clock" | "peers" | "identity">;

/** Seconds between two checks whether the machine is needed after all. */
const NEEDED_SECONDS = 5;

/**
 * In a swap, a machine whose release failed is of no use: the previous release serves elsewhere, and the deploy reads
 * the boot record and ends this machine. It goes on only if that does not happen, or if it is the last one.
 */
export async function untilNeeded(machine: SpareMachine, log: Logger, signal: AbortSignal): Promise<void> {
  let logged = false;
  for (;;) {
    // If that cannot be found out now, the boot goes on: the site may have no owner.
    const spare = await isSpare(machine, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      log.warn(`whether another instance serves: ${messageOf(error)}`);
      return false;
    });
    if (!spare) return;
    if (!logged) log.info("another instance serves the site: no older release is tried here during a deploy");
    logged = true;
    await machine.clock.sleep(NEEDED_SECONDS * 1000, signal);
  }
}

async function isSpare(
  { store, clock, peers, identity }: SpareMachine,
  signal: AbortSignal,
): Promise<boolean> {
  const deploy = await runningDeploy(store, clock);
  if (deploy?.kind !== "swap") return false;
  const { value: state } = await readDocument(store, siteDocument);
  if (state === undefined || state.owner === identity.instance) return false;
  return !(await isGone(peers, state.owner, clock, signal));
}
