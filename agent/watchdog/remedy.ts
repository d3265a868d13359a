/** What is done for an app that fails its health check (DESIGN §7), the mildest first. Pure. */

export type Remedy =
  /** Restart gunicorn. */
  | "restart"
  /** Serve the release that served before. */
  | "fall back"
  /** Give this machine up for another one, if the budget allows. */
  | "replace";

/** Seconds of failing after which the app is restarted, and after which that was not enough. */
export const RESTART_SECONDS = 60;
export const NOT_ENOUGH_SECONDS = 120;

export interface FailingApp {
  /** Seconds the app has been failing. */
  seconds: number;
  /** What has been done for it since it was last well. */
  tried: ReadonlySet<Remedy>;
  /** Whether its release ever served through its soak. */
  good: boolean;
  /** A release that served before and is not known to be bad. */
  fallback: string | undefined;
}

/** Undefined: wait. "replace" comes again as long as the app fails: the budget may have room by then. */
export function remedyFor({ seconds, tried, good, fallback }: FailingApp): Remedy | undefined {
  if (seconds < RESTART_SECONDS) return undefined;
  if (!tried.has("restart")) return "restart";
  if (seconds < NOT_ENOUGH_SECONDS) return undefined;
  if (!good && fallback !== undefined && !tried.has("fall back")) return "fall back";
  return "replace";
}
