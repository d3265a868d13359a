/**
 * certbot's --manual-auth-hook and --manual-cleanup-hook: the challenge record in Route 53.
 *
 * A domain and its wildcard share one record name with a value each. Whoever orders holds the ledger's lease,
 * so values that are not from this run were left by one that was killed, and are removed.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import * as z from "zod/mini";
import { type Change, ChangeRejected, type RecordSet, type Zone } from "../ports/zone.ts";
import { type Clock, systemClock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { challengeRecord } from "../site/names.ts";
import { poll } from "../site/poll.ts";

/** Environment variable naming the file that holds what the hooks of one certbot run have done so far. */
export const HOOK_STATE = "EVERSPOT_HOOK_STATE";

/** Seconds. Resolvers of the CA may keep a value this long, and a retry brings another. */
const TTL = 10;
/** Route 53 is usually done within 60 s. */
const INSYNC_SECONDS = 180;

const hookState = z.strictObject({
  /** Process id of certbot. */
  certbot: z.optional(z.int()),
  /** Values of this run by record name. */
  values: z.record(z.string(), z.array(z.string())),
  /** Changes not yet waited for. */
  changes: z.array(z.string()),
  /** Why the run was given up. */
  failure: z.optional(z.string()),
});
export type HookState = z.infer<typeof hookState>;

/** certbot's variables for hooks (certbot documentation, "Pre and Post Validation Hooks"). */
export interface HookEnvironment {
  CERTBOT_DOMAIN?: string | undefined;
  CERTBOT_VALIDATION?: string | undefined;
  /** How many challenges follow this one. */
  CERTBOT_REMAINING_CHALLENGES?: string | undefined;
  EVERSPOT_HOOK_STATE?: string | undefined;
}

/**
 * `auth` adds the value, and after the last one of a run waits until every authoritative server has all of them;
 * `cleanup` removes the value again.
 *
 * certbot goes on to ask for validation when this hook fails, which would cost one of the CA's failed
 * validations for nothing. So a failing `auth` ends certbot, and leaves the reason in the state file.
 * @throws EverspotError
 */
export async function certbotHook(
  action: "auth" | "cleanup",
  env: HookEnvironment,
  zone: Zone,
  clock: Clock = systemClock,
): Promise<void> {
  const challenge = { domain: required(env, "CERTBOT_DOMAIN"), value: required(env, "CERTBOT_VALIDATION") };
  const file = required(env, HOOK_STATE);
  const state = await readHookState(file);
  if (action === "cleanup") return cleanup(challenge, zone, clock);
  try {
    // certbot 2.1 and 4.0 both set this; without it, each call waits for its own change.
    const last = (env.CERTBOT_REMAINING_CHALLENGES ?? "0") === "0";
    await authenticate(challenge, state, last, file, zone, clock);
  } catch (error) {
    await writeHookState(file, { ...state, failure: messageOf(error) });
    if (state.certbot !== undefined) process.kill(state.certbot, "SIGTERM");
    throw error;
  }
}

interface Challenge {
  domain: string;
  value: string;
}

async function authenticate(
  { domain, value }: Challenge,
  state: HookState,
  last: boolean,
  file: string,
  zone: Zone,
  clock: Clock,
): Promise<void> {
  const name = challengeRecord(domain);
  const own = [...new Set([...(state.values[name] ?? []), value])];
  const change = await setRecord(zone, name, () => own, clock);
  const waiting = change === undefined ? state.changes : [...state.changes, change];
  const values = { ...state.values, [name]: own };
  await writeHookState(file, { ...state, values, changes: last ? [] : waiting });
  if (last) await Promise.all(waiting.map((id) => insync(zone, id, clock)));
}

async function cleanup({ domain, value }: Challenge, zone: Zone, clock: Clock): Promise<void> {
  await setRecord(zone, challengeRecord(domain), (found) => found.filter((v) => v !== value), clock);
}

function required(env: HookEnvironment, name: keyof HookEnvironment): string {
  const value = env[name];
  if (value) return value;
  throw new EverspotError(`${name} is not set`, {
    hint: "this command is for certbot to run, not for people",
  });
}

const insync = (zone: Zone, id: string, clock: Clock): Promise<true> =>
  poll<true>(
    `Route 53 change ${id}`,
    async () => ((await zone.settled(id)) ? { done: true } : { waiting: "PENDING" }),
    { seconds: INSYNC_SECONDS, everySeconds: 2, clock },
  );

/** @returns the id of the change; undefined when the record was as wanted. */
async function setRecord(
  zone: Zone,
  name: string,
  wanted: (found: readonly string[]) => string[],
  clock: Clock,
): Promise<string | undefined> {
  for (let attempt = 0; ; attempt++) {
    const found = await zone.find(name, "TXT");
    const values = wanted(found?.values ?? []);
    const changes = changesTo(found, { name, type: "TXT", ttl: TTL, values });
    if (changes.length === 0) return undefined;
    try {
      return await zone.change(changes);
    } catch (error) {
      if (!(error instanceof ChangeRejected) || attempt >= 4) throw error;
      await clock.sleep(500 * (attempt + 1));
    }
  }
}

/** One batch that applies only if the record is still what was found. */
function changesTo(found: RecordSet | undefined, wanted: RecordSet): Change[] {
  if (found === undefined && wanted.values.length === 0) return [];
  const same = [...wanted.values].sort().join("\n") === [...(found?.values ?? [])].sort().join("\n");
  // Our own batch, whose answer was lost: repeated, because only an answer says what to wait for.
  if (same) return [{ action: "UPSERT", record: wanted }];
  return [
    ...(found === undefined ? [] : [{ action: "DELETE" as const, record: found }]),
    ...(wanted.values.length === 0 ? [] : [{ action: "CREATE" as const, record: wanted }]),
  ];
}

/** The state of a run; empty if it has not got that far. */
export async function readHookState(file: string): Promise<HookState> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? { values: {}, changes: [] } : hookState.parse(JSON.parse(text));
}

export async function writeHookState(file: string, state: HookState): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
