import type { Logger } from "pino";
import type { StateKeeper, StateStatus } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";

const EVERY_SECONDS = 5;
/** Trouble that ends by itself within this time is not reported. Visitors wait by then, or get a 503 page. */
const TELL_SECONDS = 30;
/** Seconds without an answer after which what keeps the state is restarted; it ends by itself at most failures. */
const HANGS_SECONDS = 60;
/** Milliseconds after which answers wait for an upload (agent/state/shipper.ts), and a little more. */
const UPLOADS_BOUND = 35_000;

/** Who gets these reports. */
export interface KeepingReports {
  /** Once: a fact that stays. */
  tell(text: string): void;
  /** At every look while it is so. */
  wrong(text: string): void;
  /** At every look while all is well. */
  well(text: string): void;
}

/** Percent of the disk at which a process is ended that reads a database without end. */
const FULL = 90;
/** Looks in a row at which it has been seen. */
const OFTEN = 6;

/**
 * Reports writes that do not come into the bucket, and when they do again; restarts what hangs; and reports who keeps a
 * write-ahead log from being copied into its database, ended before the disk is full. Until the signal.
 */
export async function watchKeeping(
  state: Pick<StateKeeper, "status" | "sealed" | "revive" | "readers" | "diskUsed">,
  reports: KeepingReports,
  clock: Clock,
  log: Pick<Logger, "warn">,
  signal: AbortSignal,
): Promise<void> {
  let since: number | undefined;
  let revived = Number.NEGATIVE_INFINITY;
  const refused = new Set<string>();
  const endless = new Endless(state, (text) => reports.tell(text));
  for (;;) {
    await clock.sleep(EVERY_SECONDS * 1000, signal);
    try {
      const status = await state.status();
      const wrong = (await state.sealed()) ? undefined : troubleOf(status);
      const now = clock.now();
      const others = (status?.refused ?? []).filter((one) => !refused.has(one));
      for (const one of others) refused.add(one);
      await endless.look(status?.grown ?? []);
      if (others.length > 0) reports.tell(`uploads that are not kept: ${others.join("; ")}`);
      if (wrong === undefined) {
        reports.well("what the site writes is kept in the bucket again");
        since = undefined;
        continue;
      }
      since ??= now;
      if (now - since >= TELL_SECONDS * 1000) reports.wrong(wrong);
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

/** Who reads a database without end: reported once each, and ended when little room is left for what is written. */
class Endless {
  readonly #state: Pick<StateKeeper, "readers" | "diskUsed">;
  readonly #tell: (text: string) => void;
  /** By database and process: at how many looks in a row. */
  #seen = new Map<string, number>();
  readonly #reported = new Set<string>();

  constructor(state: Pick<StateKeeper, "readers" | "diskUsed">, tell: (text: string) => void) {
    this.#state = state;
    this.#tell = tell;
  }

  async look(grown: readonly { file: string; bytes: number }[]): Promise<void> {
    const before = this.#seen;
    this.#seen = new Map();
    for (const { file, bytes } of grown) {
      for (const { pid, name, seconds, ours } of await this.#state.readers(file)) {
        const key = `${file} ${pid}`;
        const often = (before.get(key) ?? 0) + 1;
        this.#seen.set(key, often);
        if (often < OFTEN) continue;
        const who = `${name} (process ${pid}, ${seconds} s old)`;
        if (!this.#reported.has(key)) {
          this.#reported.add(key);
          this.#tell(
            `${who} reads ${file} without end: its write-ahead log has ${Math.round(bytes / 1e6)} MB, and grows`,
          );
        }
        if (!ours || (await this.#state.diskUsed()) < FULL) continue;
        process.kill(pid, "SIGKILL");
        this.#seen.delete(key);
        this.#tell(
          `${who} was ended: it kept what was written to ${file} from its database until the disk was nearly full`,
        );
      }
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
