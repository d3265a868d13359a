import { createHmac } from "node:crypto";
import type { Clock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { ask, succeeded } from "../system/ask.ts";

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
    | "logs"
    | "state"
    /** Many answers are errors. */
    | "errors"
    | "disk"
    /** Something of the site was killed for lack of memory. */
    | "memory"
    /** A job failed, or was missed. */
    | "job"
    /** Nothing is wrong: a person wants to see one. */
    | "test";
  text: string;
  /** What was reported before is over. */
  over?: true;
}

/** Sends it; resolves when it has been sent or given up. Never rejects; takes some 20 s at most. */
export type Notify = (notice: Notice) => Promise<void>;

const TIMEOUT_MS = 5_000;
/** Milliseconds before the second and the third try. */
const PAUSES = [1_000, 5_000];
const HOUR = 3600_000;
/**
 * The same kind is sent at most once in this time, in milliseconds: what fails tends to fail again. What is reported once
 * and when it is over (alerts.ts) needs none.
 */
const QUIET_MS: Partial<Record<Notice["kind"], number>> = {
  "boot-failed": HOUR,
  image: 24 * HOUR,
  "old-image": 7 * 24 * HOUR,
  logs: 24 * HOUR,
};
/** In the Parameter Store below the site's path; the only one there that the app does not get. */
export const SIGNING_SECRET = "EVERSPOT_NOTIFY_SECRET";

/** Sends one mail. @throws EverspotError with AWS's words; `fatal`: trying again would be answered the same. */
export type Mail = (subject: string, text: string) => Promise<void>;

export interface NotifyOptions {
  /** Undefined: nothing is posted. */
  url: string | undefined;
  /** Undefined: nothing is mailed. */
  mail?: Mail | undefined;
  site: string;
  /** Undefined: not known yet. */
  instance: string | undefined;
  /** Signs what is sent, if there is one. */
  secret(): Promise<string | undefined>;
  clock: Clock;
  onTrouble(message: string): void;
}

/**
 * Sends notices by mail, and to a webhook as JSON that Slack and what is compatible with it show (`text`), with the facts
 * beside it.
 *
 * With a secret the request carries `X-Everspot-Timestamp` (Unix seconds) and `X-Everspot-Signature`: "v0=" and the
 * hex HMAC-SHA256 of "v0:<timestamp>:<body>", the way Slack signs its own requests.
 */
export function createNotify(options: NotifyOptions): Notify {
  const { clock } = options;
  const last = new Map<Notice["kind"], number>();
  return async (notice) => {
    const { kind, over } = notice;
    const now = clock.now();
    const before = last.get(kind);
    if (!over && before !== undefined && now - before < (QUIET_MS[kind] ?? 0)) return;
    last.set(kind, now);
    for (const { error } of await tryChannels(options, notice)) {
      if (error !== undefined) options.onTrouble(`the notice "${kind}" could not be sent: ${error}`);
    }
  };
}

/** Where notices go, and how one got there. `error`: why it did not. */
export interface Tried {
  channel: "webhook" | "mail";
  error?: string;
}

/** Sends a notice to wherever notices go; each is tried whatever becomes of the other. Never rejects. */
export function tryChannels(options: NotifyOptions, notice: Notice): Promise<Tried[]> {
  const { url, mail, clock } = options;
  const channels: [Tried["channel"], () => Promise<void>][] = [];
  if (url !== undefined)
    channels.push(["webhook", () => deliver(url, bodyOf(options, notice, clock.now()), options)]);
  if (mail !== undefined)
    channels.push([
      "mail",
      () => insist(() => mail(subjectOf(options, notice), mailOf(options, notice)), clock),
    ]);
  return Promise.all(
    channels.map(([channel, send]) =>
      send().then(
        () => ({ channel }),
        (error: unknown) => ({ channel, error: messageOf(error) }),
      ),
    ),
  );
}

/** SNS takes 99 ASCII characters without line breaks as a subject (its API Reference, Publish). */
const subjectOf = ({ site }: NotifyOptions, { kind, over }: Notice): string =>
  `everspot ${site}: ${kind}${over ? " (over)" : ""}`.slice(0, 99);

const mailOf = ({ site, instance, clock }: NotifyOptions, { text }: Notice): string =>
  [
    `${site}: ${text}`,
    "",
    `${new Date(clock.now()).toISOString()}${instance === undefined ? "" : `, ${instance}`}`,
    "`everspot status` shows how it is now.",
  ].join("\n");

const bodyOf = ({ site, instance }: NotifyOptions, notice: Notice, now: number): string =>
  JSON.stringify({
    text: `everspot ${site}: ${notice.text}`,
    site,
    event: notice.kind,
    instance,
    over: notice.over,
    at: new Date(now).toISOString(),
  });

async function deliver(url: string, body: string, options: NotifyOptions): Promise<void> {
  const { clock } = options;
  // A secret that cannot be read must not keep the notice back.
  const secret = await options.secret().catch(() => undefined);
  await insist(async () => {
    const answer = await ask(url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "user-agent": "everspot",
        ...signature(secret, body, clock.now()),
      },
      milliseconds: TIMEOUT_MS,
    });
    if (succeeded(answer)) return;
    const { status } = answer;
    const passes = status >= 500 || status === 429;
    throw new EverspotError(`HTTP ${status}`, { retry: passes ? "retry" : "fatal" });
  }, clock);
}

/** Three times, unless trying again would be answered the same. */
async function insist(send: () => Promise<void>, clock: Clock): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const pause = PAUSES[attempt];
      const fatal = error instanceof EverspotError && error.retry === "fatal";
      if (fatal || pause === undefined) throw error;
      await clock.sleep(pause);
    }
  }
}

function signature(secret: string | undefined, body: string, now: number): Record<string, string> {
  if (secret === undefined) return {};
  const timestamp = String(Math.floor(now / 1000));
  const mac = createHmac("sha256", secret).update(`v0:${timestamp}:${body}`).digest("hex");
  return { "x-everspot-timestamp": timestamp, "x-everspot-signature": `v0=${mac}` };
}
