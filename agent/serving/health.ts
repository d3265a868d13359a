import { askApp, type Where } from "./app-request.ts";

export interface Health {
  ok: boolean;
  /** For a person, e.g. "HTTP 500", "connect ENOENT /run/…". */
  seen: string;
  /** The HTTP status; undefined where there was no answer. */
  status?: number | undefined;
  /** Set where there is no socket to ask. */
  listens?: false;
}

/** Asks the app for its health, as nginx will (see askApp). Only 200 is healthy. Never throws. */
export async function askHealth(
  where: Where,
  path: string,
  host: string,
  timeoutMs = 10_000,
  signal?: AbortSignal,
): Promise<Health> {
  const reply = await askApp(where, { path, host, timeoutMs, signal });
  if ("seen" in reply) return { ok: false, ...reply };
  const { status, location } = reply;
  return {
    ok: status === 200,
    seen: `HTTP ${status}${location === undefined ? "" : ` to ${location}`}`,
    status,
  };
}

/** Seconds after which an answer that stays the same is the app's last word. */
const DEFINITE_SECONDS = 3;
/** What a server that is still getting ready may answer. */
const NOT_YET: ReadonlySet<number | undefined> = new Set([undefined, 408, 425, 429, 502, 503, 504]);

/** @param now milliseconds. @returns what is asked after each look whether it is of no use to ask again. */
export function definiteAnswer(now: () => number): (health: Health) => boolean {
  let same: { status: number | undefined; since: number } | undefined;
  return ({ status }) => {
    if (same === undefined || same.status !== status) same = { status, since: now() };
    return !NOT_YET.has(status) && now() - same.since >= DEFINITE_SECONDS * 1000;
  };
}
