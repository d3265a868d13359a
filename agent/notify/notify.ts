import { createHmac } from "node:crypto";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";

/** What the person who pays the bill may want to know at once. `text`: one line. */
export interface Notice {
  kind:
    | "healed"
    | "boot-failed"
    | "replacing"
    | "budget-spent"
    | "certificate"
    | "image"
    | "old-image"
    | "state";
  text: string;
}

/** Sends it; resolves when it has been sent or given up. Never rejects; takes some 20 s at most. */
export type Notify = (notice: Notice) => Promise<void>;

const TIMEOUT_MS = 5_000;
/** Milliseconds before the second and the third try. */
const PAUSES = [1_000, 5_000];
const HOUR = 3600_000;
/** The same kind is sent at most once in this time, in milliseconds: what fails tends to keep failing. */
const QUIET_MS: Record<Notice["kind"], number> = {
  healed: 0,
  "boot-failed": HOUR,
  replacing: 0,
  "budget-spent": 6 * HOUR,
  certificate: 24 * HOUR,
  image: 24 * HOUR,
  "old-image": 7 * 24 * HOUR,
  // That it is kept again is news too.
  state: 0,
};
/** In the Parameter Store below the site's path; the only one there that the app does not get. */
export const SIGNING_SECRET = "EVERSPOT_NOTIFY_SECRET";

export interface NotifyOptions {
  /** Undefined: nothing is sent. */
  url: string | undefined;
  site: string;
  /** Undefined: not known yet. */
  instance: string | undefined;
  /** Signs what is sent, if there is one. */
  secret(): Promise<string | undefined>;
  clock: Clock;
  onTrouble(message: string): void;
}

/**
 * Posts notices to a webhook, as JSON that Slack and what is compatible with it show (`text`), with the facts beside it.
 *
 * With a secret the request carries `X-Everspot-Timestamp` (Unix seconds) and `X-Everspot-Signature`: "v0=" and the
 * hex HMAC-SHA256 of "v0:<timestamp>:<body>", the way Slack signs its own requests.
 */
export function createNotify(options: NotifyOptions): Notify {
  const { url, clock } = options;
  if (url === undefined) return async () => {};
  const last = new Map<Notice["kind"], number>();
  return async (notice) => {
    try {
      const now = clock.now();
      const before = last.get(notice.kind);
      if (before !== undefined && now - before < QUIET_MS[notice.kind]) return;
      last.set(notice.kind, now);
      await deliver(url, bodyOf(options, notice, now), options);
    } catch (error) {
      options.onTrouble(`the notice "${notice.kind}" could not be sent: ${messageOf(error)}`);
    }
  };
}

const bodyOf = ({ site, instance }: NotifyOptions, notice: Notice, now: number): string =>
  JSON.stringify({
    text: `everspot ${site}: ${notice.text}`,
    site,
    event: notice.kind,
    instance,
    at: new Date(now).toISOString(),
  });

async function deliver(url: string, body: string, options: NotifyOptions): Promise<void> {
  const { clock } = options;
  // A secret that cannot be read must not keep the notice back.
  const secret = await options.secret().catch(() => undefined);
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        redirect: "error",
        headers: {
          "content-type": "application/json",
          "user-agent": "everspot",
          ...signature(secret, body, clock.now()),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await answer.body?.cancel();
      if (answer.ok) return;
      const error = new Error(`HTTP ${answer.status}`);
      if (answer.status < 500 && answer.status !== 429) throw new Refused(error.message);
      throw error;
    } catch (error) {
      const pause = PAUSES[attempt];
      if (error instanceof Refused || pause === undefined) throw error;
      await clock.sleep(pause);
    }
  }
}

/** Trying again would be answered the same. */
class Refused extends Error {}

function signature(secret: string | undefined, body: string, now: number): Record<string, string> {
  if (secret === undefined) return {};
  const timestamp = String(Math.floor(now / 1000));
  const mac = createHmac("sha256", secret).update(`v0:${timestamp}:${body}`).digest("hex");
  return { "x-everspot-timestamp": timestamp, "x-everspot-signature": `v0=${mac}` };
}
