import { constants } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import http from "node:http";
import { messageOf } from "../site/errors.ts";
import { giveUpAfter } from "../system/silence.ts";

export interface Health {
  ok: boolean;
  /** For a person, e.g. "HTTP 500", "connect ENOENT /run/…". */
  seen: string;
  /** Of HTTP; undefined where there was no answer. */
  status?: number | undefined;
  /** Set where there is no socket to ask. */
  listens?: false;
}

/** The app's socket, a link of root's that leads to it, or an address. */
export type Where = string | { link: string } | { host: string; port: number };

/** open(2): only the place of a file; a socket has nothing to open. Not among Node's constants. */
const O_PATH = 0x200000;

/**
 * Asks the app itself, over its socket or an address, the way nginx will: with the site's name and as HTTPS, so that neither
 * ALLOWED_HOSTS nor a redirect to HTTPS stands in the way. Only 200 is healthy. Never throws.
 *
 * The app may put anything in its socket's place: a link there, which could lead to a socket that obeys root, is not
 * followed.
 */
export async function askHealth(
  where: Where,
  path: string,
  host: string,
  timeoutMs = 10_000,
  signal?: AbortSignal,
): Promise<Health> {
  if (typeof where === "object" && "host" in where) return ask(where, path, host, timeoutMs, signal);
  let held: FileHandle | undefined;
  try {
    const socket = typeof where === "string" ? where : await readlink(where.link);
    held = await open(socket, O_PATH | constants.O_NOFOLLOW);
    if (!(await held.stat()).isSocket()) return { ok: false, seen: `${socket} is not a socket` };
    return await ask({ socketPath: `/proc/self/fd/${held.fd}` }, path, host, timeoutMs, signal);
  } catch (error) {
    const none = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { ok: false, seen: messageOf(error), ...(none ? { listens: false } : {}) };
  } finally {
    await held?.close();
  }
}

function ask(
  where: { socketPath: string } | { host: string; port: number },
  path: string,
  host: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Health> {
  return new Promise((resolve) => {
    const request = http.get(
      {
        ...where,
        path,
        agent: false,
        headers: {
          host,
          "x-forwarded-proto": "https",
          "x-forwarded-for": "127.0.0.1",
          "user-agent": "everspot",
        },
        signal,
      },
      (answer) => {
        answer.resume();
        const where = answer.headers.location === undefined ? "" : ` to ${answer.headers.location}`;
        const status = answer.statusCode;
        resolve({ ok: status === 200, seen: `HTTP ${status}${where}`, status });
      },
    );
    giveUpAfter(request, timeoutMs);
    request.on("error", (error) =>
      resolve({
        ok: false,
        seen: error.name === "AbortError" || error.name === "TimeoutError" ? "no answer" : error.message,
      }),
    );
  });
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
