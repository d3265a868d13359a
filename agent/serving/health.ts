import http from "node:http";
import { giveUpAfter } from "../system/silence.ts";

export interface Health {
  ok: boolean;
  /** For a person, e.g. "HTTP 500", "connect ENOENT /run/…". */
  seen: string;
}

/**
 * Asks the app itself, over its socket or an address, the way nginx will: with the site's name and as HTTPS, so that neither
 * ALLOWED_HOSTS nor a redirect to HTTPS stands in the way. Only 200 is healthy. Never throws.
 */
export function askHealth(
  where: string | { host: string; port: number },
  path: string,
  host: string,
  timeoutMs = 10_000,
  signal?: AbortSignal,
): Promise<Health> {
  return new Promise((resolve) => {
    const request = http.get(
      {
        ...(typeof where === "string" ? { socketPath: where } : where),
        path,
        agent: false,
        headers: {
          host,
          "x-forwarded-proto": "https",
          "x-forwarded-for": "127.0.0.1",
          "user-agent": "everspot",
        },
        ...(signal === undefined ? {} : { signal }),
      },
      (answer) => {
        answer.resume();
        const where = answer.headers.location === undefined ? "" : ` to ${answer.headers.location}`;
        resolve({ ok: answer.statusCode === 200, seen: `HTTP ${answer.statusCode}${where}` });
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
