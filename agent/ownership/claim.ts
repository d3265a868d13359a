import type { Peers } from "../ports/peers.ts";
import type { Zone } from "../ports/zone.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument, updateDocument } from "../site/document.ts";
import { type SiteState, siteDocument } from "../site/documents/site-state.ts";
import { poll } from "../site/poll.ts";
import type { ObjectStore } from "../site/store.ts";
import { isGone } from "./gone.ts";
import { isNewer } from "./newer.ts";
import { publishRecords, readFence } from "./records.ts";

/** The candidate for owner. Addresses are IPv4; `launched` is EC2's launch time. */
export interface Claimant {
  instance: string;
  address: string;
  privateAddress: string;
  launched: Date;
  release: string;
}

export interface ClaimContext {
  store: ObjectStore;
  zone: Zone;
  peers: Peers;
  clock: Clock;
  domain: string;
  aliases: readonly string[];
  /** Seconds. */
  ttl: number;
  signal?: AbortSignal;
  /** Called when a part of the take-over is done, for the boot record. */
  onProgress?: (done: "claimed" | "published" | "settled") => void;
}

export type Claim =
  | { owner: true; epoch: number; previous: SiteState | undefined }
  /** Another instance has the site, and rightly. */
  | { owner: false; by: string };

/** What a site with state asks of a claim besides. */
export interface AboveAndOver {
  /** An epoch that the log has seen, or that this instance has sealed: the new one must be higher. */
  above?: number | undefined;
  /** Seconds after which a claim that did not come to serve counts no more, whatever EC2 says of its instance. */
  over?: number | undefined;
}

/** Route 53 settles within about 60 s as a rule; servers in far places may take longer. */
const SETTLE_SECONDS = 300;

/**
 * Takes the site over (DESIGN §8): site.json by compare-and-swap, then the records by one fenced batch, then INSYNC.
 *
 * The newest launch wins; an older instance takes back only when EC2 says that the owner is gone. Every part can
 * be repeated, so a take-over that was cut off is finished by calling again. The caller has seen this instance
 * serve the site before.
 * @throws EverspotError; nothing is undone then: a higher epoch without records does no harm, the next claim exceeds it.
 */
export async function claimSite(me: Claimant, context: ClaimContext): Promise<Claim> {
  const claim = await takeSite(me, context);
  return claim.owner ? publishSite(me, claim, context) : claim;
}

/**
 * The first part alone. With state, everything that makes the site's data this instance's comes between the two
 * (STATE §5), and what it serves is seen only before the second.
 */
export async function takeSite(
  me: Claimant,
  context: ClaimContext,
  { above = 0, over = Number.POSITIVE_INFINITY }: AboveAndOver = {},
): Promise<Claim> {
  const { store, zone, clock } = context;
  const expired = (state: SiteState): boolean =>
    state.state === "claiming" && clock.now() - Date.parse(state.since) >= over * 1000;
  const [gone, held] = await Promise.all([
    ownerIsGone(me, expired, context),
    readFence(zone, context.domain),
  ]);
  let previous: SiteState | undefined;
  const take = (state: SiteState | undefined): Omit<SiteState, "nonce"> | undefined => {
    previous = state;
    if (state !== undefined && isMine(state, me) && state.epoch > above) return undefined;
    if (state !== undefined && !expired(state) && !mayTake(state, me, gone)) return undefined;
    return {
      version: 1,
      // The fence counts too: a lost site.json must not make every later owner look stale.
      epoch: Math.max(state?.epoch ?? 0, held?.epoch ?? 0, above) + 1,
      owner: me.instance,
      address: me.address,
      privateAddress: me.privateAddress,
      launched: me.launched.toISOString(),
      since: new Date(clock.now()).toISOString(),
      release: me.release,
      state: "claiming",
    };
  };
  const taken = await updateDocument(store, siteDocument, take, clock);
  const state = taken.value;
  if (state === undefined || state.owner !== me.instance)
    return { owner: false, by: state?.owner ?? "nobody" };
  context.onProgress?.("claimed");
  return {
    owner: true,
    epoch: state.epoch,
    previous: previous?.owner === me.instance ? undefined : previous,
  };
}

/** The second part: the records of an epoch that this instance has taken, and site.json once they are INSYNC. */
export async function publishSite(
  me: Claimant,
  taken: Extract<Claim, { owner: true }>,
  context: ClaimContext,
): Promise<Claim> {
  const { store, zone, clock } = context;
  const { epoch } = taken;
  const published = await publishRecords(zone, {
    domain: context.domain,
    aliases: context.aliases,
    fence: { epoch, owner: me.instance },
    address: me.address,
    ttl: context.ttl,
  });
  if (!published.published) return { owner: false, by: published.owner.owner };
  context.onProgress?.("published");
  const change = published.change;
  if (change !== undefined) {
    await poll(
      `Route 53 change ${change}`,
      async () => ((await zone.settled(change)) ? { done: true } : { waiting: "PENDING" }),
      {
        seconds: SETTLE_SECONDS,
        everySeconds: 1,
        clock,
        signal: context.signal,
      },
    );
  }
  context.onProgress?.("settled");

  const serve = (current: SiteState | undefined): Omit<SiteState, "nonce"> | undefined => {
    if (current?.epoch !== epoch || current.owner !== me.instance) return undefined;
    if (current.state === "serving" && current.release === me.release) return undefined;
    return { ...current, state: "serving", release: me.release };
  };
  const served = await updateDocument(store, siteDocument, serve, clock);
  if (served.value?.epoch !== epoch) return { owner: false, by: served.value?.owner ?? "nobody" };
  return taken;
}

/** Same owner at the same addresses: after a stop and start the address is new, and with it the epoch. */
const isMine = (state: SiteState, me: Claimant): boolean =>
  state.owner === me.instance && state.address === me.address && state.privateAddress === me.privateAddress;

/** The newest launch wins. */
export function mayTake(state: SiteState, me: Claimant, gone: ReadonlySet<string>): boolean {
  if (state.owner === me.instance || gone.has(state.owner)) return true;
  return isNewer(me, { instance: state.owner, launched: new Date(state.launched) });
}

/** The recorded owner, if it is gone and that is what the claim depends on. */
async function ownerIsGone(
  me: Claimant,
  expired: (state: SiteState) => boolean,
  context: ClaimContext,
): Promise<ReadonlySet<string>> {
  const { value: state } = await readDocument(context.store, siteDocument);
  if (state === undefined || state.owner === me.instance) return new Set();
  if (expired(state)) return new Set();
  // Whoever is newer takes over anyway.
  if (isNewer(me, { instance: state.owner, launched: new Date(state.launched) })) return new Set();
  const gone = await isGone(context.peers, state.owner, context.clock, context.signal);
  return new Set(gone ? [state.owner] : []);
}
