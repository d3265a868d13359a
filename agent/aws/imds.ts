import type { Metadata } from "../ports/metadata.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { type Answer, ask } from "../system/ask.ts";

/** Seconds a session token is asked for; IMDS allows 1–21600. */
const TOKEN_SECONDS = 21_600;
/** Milliseconds for each try. A machine without CPU credits may not even get to read an answer in the first. */
const PATIENCE = [2_000, 4_000];

export function createMetadata(endpoint: string, patience: readonly number[] = PATIENCE): Metadata {
  const base = endpoint.replace(/\/$/, "");
  let token: string | undefined;

  async function request(path: string, headers: Record<string, string>, method = "GET"): Promise<Answer> {
    let silence: unknown;
    for (const ms of patience) {
      try {
        return await ask(`${base}/latest/${path}`, { method, headers, milliseconds: ms });
      } catch (cause) {
        if (!(cause instanceof Error && cause.name === "TimeoutError"))
          throw failure(path, messageOf(cause), cause);
        silence = cause;
      }
    }
    throw failure(path, `no answer to ${patience.length} requests`, silence);
  }

  async function renewToken(): Promise<string> {
    const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS) };
    const answer = await request("api/token", ttl, "PUT");
    if (answer.status !== 200) throw failure("api/token", `HTTP ${answer.status}`);
    return answer.text;
  }

  const look = async (path: string) => {
    token ??= await renewToken();
    return request(path, { "x-aws-ec2-metadata-token": token });
  };

  return {
    async get(path) {
      let answer = await look(path);
      if (answer.status === 401) {
        token = undefined;
        answer = await look(path);
      }
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw failure(path, `HTTP ${answer.status}`);
      return answer.text;
    },
  };

  function failure(path: string, what: string, cause?: unknown): EverspotError {
    return new EverspotError(`instance metadata service: ${path}: ${what}`, {
      resource: base,
      retry: "retry",
      cause,
    });
  }
}
