import type { Logger } from "pino";
import type { StateKeeper, StateStatus } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";

const EVERY_SECONDS = 5;
/** What is over by itself within that is not told of. Visitors wait by then, or get a 503 page. */
const TELL_SECONDS = 30;
/** Seconds without an answer after which what keeps the state is started anew; it ends by itself at most failures. */
const HANGS_SECONDS = 60;
/** Milliseconds after which answers wait for an upload (agent/state/shipper.ts), and a little more. */
const UPLOADS_BOUND = 35_000;

/** Whom it is told. */
export interface KeepingTold {
  /** Once: a fact that stays. */
  tell(text: string): void;
  /** At every look while it is so. */
  wrong(text: string): void;
  /** At every look while all is well. */
  well(text: string): void;
}

/** Tells of writes that do not come into the bucket, and when they do again; starts what hangs anew. Until the signal. */
export async function watchKeeping(
  state: Pick<StateKeeper, "status" | "sealed" | "revive">,
  told: KeepingTold,
  clock: Clock,
  log: Pick<Logger, "warn">,
  signal: AbortSignal,
): Promise<void> {
  let since: number | undefined;
  let revived = Number.NEGATIVE_INFINITY;
  const refused = new Set<string>();
  for (;;) {
    await clock.sleep(EVERY_SECONDS * 1000, signal);
    try {
      const status = await state.status();
      const wrong = (await state.sealed()) ? undefined : troubleOf(status);
      const now = clock.now();
      const others = (status?.refused ?? []).filter((one) => !refused.has(one));
      for (const one of others) refused.add(one);
      if (others.length > 0) told.tell(`uploads that are not kept: ${others.join("; ")}`);
      if (wrong === undefined) {
        told.well("what the site writes is kept in the bucket again");
        since = undefined;
        continue;
      }
      since ??= now;
      if (now - since >= TELL_SECONDS * 1000) told.wrong(wrong);
      if (status === undefined && now - Math.max(since, revived) >= HANGS_SECONDS * 1000) {
        revived = now;
        await state.revive();
      }
    } catch (error) {
      signal.throwIfAborted();
      log.warn(`what keeps the site's state: ${messageOf(error)}`);
    }
  }
}

/** Undefined: all that is written comes into the bucket, or it is not this instance's business any more. */
function troubleOf(status: StateStatus | undefined): string | undefined {
  const held = "visitors wait for it, then get a 503 page";
  if (status === undefined) return `what keeps the site's state does not answer: ${held}`;
  const { state, lag = 0, bound = Number.POSITIVE_INFINITY, uploadsLag = 0, trouble } = status;
  if (state === "fenced" || state === "sealed") return undefined;
  const why = trouble === undefined ? "" : ` (${trouble})`;
  const late = (what: string, ms: number) =>
    `${what} ${Math.round(ms / 1000)} s ago is not in the bucket yet${why}: ${held}`;
  if (lag > bound) return late("what was written", lag);
  return uploadsLag > UPLOADS_BOUND ? late("what was uploaded", uploadsLag) : undefined;
}
