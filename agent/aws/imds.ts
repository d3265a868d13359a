import { EverspotError, messageOf } from "../site/errors.ts";

/** Seconds a session token is asked for; IMDS allows 1–21600. */
const TOKEN_SECONDS = 21_600;
const TIMEOUT_MS = 2_000;

/**
 * The instance metadata service, version 2 only.
 * `get` takes the path below /latest/; undefined means 404: not known, or not yet.
 * @throws EverspotError (retry) when the service does not answer, or answers anything but 200, 401 and 404.
 */
export interface Metadata {
  get(path: string): Promise<string | undefined>;
}

export function createMetadata(endpoint: string): Metadata {
  const base = endpoint.replace(/\/$/, "");
  let token: string | undefined;

  async function request(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${base}/latest/${path}`, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (cause) {
      throw failure(
        path,
        cause instanceof Error && cause.name === "TimeoutError" ? "no answer in 2 s" : messageOf(cause),
        cause,
      );
    }
  }

  async function renewToken(): Promise<string> {
    const answer = await request("api/token", {
      method: "PUT",
      headers: { "x-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS) },
    });
    const text = await answer.text();
    if (!answer.ok) throw failure("api/token", `HTTP ${answer.status}`);
    return text;
  }

  const ask = async (path: string) => {
    token ??= await renewToken();
    return request(path, { headers: { "x-aws-ec2-metadata-token": token } });
  };

  return {
    async get(path) {
      let answer = await ask(path);
      if (answer.status === 401) {
        await answer.body?.cancel();
        token = undefined;
        answer = await ask(path);
      }
      const text = await answer.text();
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw failure(path, `HTTP ${answer.status}`);
      return text;
    },
  };

  function failure(path: string, what: string, cause?: unknown): EverspotError {
    return new EverspotError(`instance metadata service: ${path}: ${what}`, {
      resource: base,
      retry: "retry",
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
