/**
 * Who has the site and who may write, in one exploration: site.json as agents claim it, the log as they fence it, and the
 * steps of the hand-over itself. Time does not exist: a claim may be found to have expired at any moment.
 */
import { StateTurn, type TurnGround } from "../../../agent/handover/state-turn.ts";
import { type Claimant, takeSite } from "../../../agent/ownership/claim.ts";
import type { KeptState, StateKeeper, StateStatus } from "../../../agent/ports/state.ts";
import type { Zone } from "../../../agent/ports/zone.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { keys } from "../../../agent/site/names.ts";
import type { StateBucket } from "../../../agent/site/state/bucket.ts";
import { Fenced } from "../../../agent/site/state/errors.ts";
import { BEGINNING, type Place } from "../../../agent/site/state/place.ts";
import { type ReadOptions, readLog, type Seen } from "../../../agent/site/state/read-log.ts";
import { ConditionFailed, type ObjectStore } from "../../../agent/site/store.ts";
import type { Writer } from "../../../agent/state/log/fence-ahead.ts";
import { goBack } from "../../../agent/state/log/go-back.ts";
import { LogWriter, type Written } from "../../../agent/state/log/log-writer.ts";
import { takeLog } from "../../../agent/state/log/take.ts";
import { takeServed } from "../../../agent/state/log/take-served.ts";
import { peersOf } from "../ownership/actors.ts";
import type { Actor, Model, Outcome, Reply } from "../ownership/interleave.ts";
import { type Bend, cleanUp, straight } from "./actors.ts";
import {
  AT,
  bucketOver,
  keyOf as logKeyOf,
  labelOf as logLabelOf,
  outcomes as logOutcomes,
  visible,
  type World,
  type WorldCall,
  worldOf,
  write,
} from "./world.ts";

export interface Whole extends World {
  /** site.json, and the number of its writes. */
  site: string;
  etag: number;
}

export type WholeCall = WorldCall | { op: "site" } | { op: "claim"; body: string; etag: number | undefined };

/** What an agent does differently, as if it had left a rule out. */
export interface Left {
  bend?: Bend;
  /** It claims whatever is there. */
  unconditional?: true;
  /** It goes back without looking for an `open` behind its fence. */
  blindly?: true;
  /** It serves without an `open`. */
  silently?: true;
  /** It writes on after its seal. */
  unsealed?: true;
  /** Who takes the site goes on with what a release wrote that never served. */
  halfDone?: true;
  /** Whoever cleans up deletes fences, too. */
  fencesGo?: boolean;
  /** Numbers that a fence is placed on at once; 1 if not given. */
  ahead?: number;
}

const clock = { now: () => Date.parse(AT), sleep: async () => {} };
/** One number at a time is enough where nothing depends on a gap; two show what sixteen do. */
const patienceOf = (ahead: number) => ({ clock, ahead });
const LAUNCHED = { "i-1": 1_000, "i-2": 2_000, "i-3": 3_000 } as const;
type Name = keyof typeof LAUNCHED;
const peers = peersOf(Object.keys(LAUNCHED));
const nowhere = { find: async () => undefined } as unknown as Zone;

type Ask = (call: WholeCall) => Promise<Reply>;

/** One instance's hands on site.json and on the log; a look at the log lasts until its next write or claim. */
class Hands {
  readonly name: Name;
  readonly store: ObjectStore;
  readonly bucket: StateBucket;
  readonly left: Left;
  readonly #look: () => Promise<Pick<World, "base">>;

  constructor(ask: Ask, name: Name, left: Left) {
    this.name = name;
    this.left = left;
    let bucket = bucketOver(ask);
    const bent = left.bend ?? straight;
    const me = this.writer(0);
    const latest: StateBucket = {
      ...bucket,
      get: (key) => bucket.get(key),
      list: (prefix, after) => bucket.list(prefix, after),
      create: (key, body) => bucket.create(key, body),
      remove: (keys) => bucket.remove(keys),
    };
    this.bucket = bent(latest, me);
    const value = async <T>(call: WholeCall): Promise<T> => {
      const reply = await ask(call);
      if ("error" in reply) throw new EverspotError(reply.error.message, { retry: "retry" });
      return reply.value as T;
    };
    this.#look = () => value<Pick<World, "base">>({ op: "read" });
    const nonces: string[] = [];
    const outside = (text: string) =>
      text.replace(/("nonce": ?)"([^"]*)"/, (_, key, nonce) => `${key}"${name}-${nonces.push(nonce)}"`);
    const inside = (text: string) =>
      text.replace(new RegExp(`("nonce": ?)"${name}-(\\d+)"`), (_, key, n) => `${key}"${nonces[n - 1]}"`);
    this.store = {
      url: "s3://site",
      async get(key) {
        // No one believes anything because of the bell.
        if (key === keys.bell) return undefined;
        if (key !== siteDocument.key) {
          const body = await bucket.get(key);
          return body && { body, etag: "1", date: new Date(AT) };
        }
        // Whoever looks at site.json again looks at the log again, too.
        bucket = bucketOver(ask);
        const { site, etag } = await value<{ site: string; etag: number }>({ op: "site" });
        return { body: Buffer.from(inside(site)), etag: String(etag), date: new Date(AT) };
      },
      async put(key, body, condition) {
        if (key === keys.bell) return { etag: "1", date: new Date(AT) };
        const etag = condition !== undefined && "ifMatch" in condition ? Number(condition.ifMatch) : 0;
        const claim = { op: "claim", body: outside(String(body)) } as const;
        const done = await value<{ etag?: number }>({
          ...claim,
          etag: left.unconditional ? undefined : etag,
        });
        if (done.etag === undefined) throw new ConditionFailed("site.json was written meanwhile");
        return { etag: String(done.etag), date: new Date(AT) };
      },
    } as ObjectStore;
  }

  writer(epoch: number): Writer {
    return { epoch, instance: this.name, run: String(epoch).padStart(16, "0") };
  }

  get patience() {
    return patienceOf(this.left.ahead ?? 1);
  }

  get me(): Claimant {
    const address = `10.0.0.${this.name.slice(2)}`;
    const launched = new Date(LAUNCHED[this.name]);
    return { instance: this.name, address, privateAddress: address, launched, release: "r1" };
  }

  /** Repeats, as an agent does, what failed for a reason that can pass. */
  async claim(how: { above: number; over: number } = { above: 0, over: Number.POSITIVE_INFINITY }) {
    const { store } = this;
    const around = { store, zone: nowhere, peers, clock, domain: "site.example", aliases: [], ttl: 60 };
    for (;;) {
      try {
        return await takeSite(this.me, around, how);
      } catch (error) {
        if (!(error instanceof EverspotError) || error.retry !== "retry") throw error;
      }
    }
  }

  async take(epoch: number): Promise<Place> {
    const { bucket } = this;
    const me = this.writer(epoch);
    const read = async ({
      onEntry,
      ...options
    }: Omit<ReadOptions, "onEntry"> & { onEntry?: (seen: Seen) => void }) => {
      const { base } = await this.#look();
      const told = (seen: Seen) => {
        onEntry?.(seen);
        return undefined;
      };
      return { place: await readLog(bucket, base?.place ?? BEGINNING, { ...options, onEntry: told }) };
    };
    if (this.left.halfDone) return (await takeLog(bucket, me, read, this.patience)).place;
    return (await takeServed(bucket, me, read, this.patience)).done.place;
  }

  async open(log: LogWriter): Promise<void> {
    if (!this.left.silently) await log.append({ kind: "open" });
  }
}

const actor =
  (name: Name, left: Left, run: (hands: Hands, ask: Ask) => Promise<unknown>): Actor<WholeCall> =>
  async (ask) => {
    try {
      return await run(new Hands(ask, name, left), ask);
    } catch (error) {
      if (error instanceof Fenced) return "stood down";
      throw error;
    }
  };

/** What a release writes before it serves, of which only half is done. */
const HALF = "half of a migration";

/** An instance that boots: it claims, fences, is open, and writes. @param tries a release, and is gone at that. */
const taking = (
  name: Name,
  writes: readonly string[],
  left: Left,
  { cleans = false, tries = false }: { cleans?: boolean; tries?: boolean } = {},
) =>
  actor(name, left, async (hands, ask) => {
    const claim = await hands.claim();
    if (!claim.owner) return "stands by";
    const log = new LogWriter(
      hands.bucket,
      hands.writer(claim.epoch),
      await hands.take(claim.epoch),
      hands.patience,
    );
    if (tries) {
      await log.append({ kind: "mark", name: "before r2" });
      await log.append(write(HALF));
      return "is gone";
    }
    await hands.open(log);
    for (const name of writes) await log.append(write(name));
    if (cleans) await cleanUp(log, ask, ["b", "c"], left.fencesGo !== true);
    return claim.epoch;
  });

/** The owner: it writes without having heard of anything, sees a claim some time, hands over, or goes back and writes. */
const yielding = (name: Name, from: Place, writes: readonly string[], back: readonly string[], left: Left) =>
  actor(name, left, async (hands) => {
    const disk = new Disk(hands, from);
    for (const name of writes) await disk.append(write(name));
    const turn = new StateTurn({
      ...{ instance: name, state: disk, ground: disk, store: hands.store, peers, clock },
      pause: async () => 0,
      leaving: () => false,
      take: (how) => hands.claim(how),
      onStep: () => {},
    });
    const done = await turn.yields(new AbortController().signal);
    if (left.unsealed) await disk.writesOn(back);
    if (typeof done === "string") return done;
    for (const name of back) await disk.append(write(name));
    return done.epoch;
  });

/** What keeps the state on the old instance, without anything that takes time. */
class Disk implements TurnGround, StateKeeper {
  readonly #hands: Hands;
  #log: LogWriter | undefined;
  #kept: KeptState & { place: Place };
  #state: StateStatus["state"] = "shipping";
  /** Where visitors wait is nothing to the log. */
  readonly #held = true;
  #mayRun = true;

  constructor(hands: Hands, place: Place) {
    this.#hands = hands;
    this.#kept = { epoch: 1, instance: hands.name, sealed: false, place };
    this.#log = new LogWriter(hands.bucket, hands.writer(1), place, hands.patience);
  }

  async append(written: Written): Promise<number> {
    if (this.#log === undefined) throw new EverspotError("nothing ships");
    try {
      return (await this.#log.append(written)).seq;
    } catch (error) {
      if (error instanceof Fenced) this.#state = "fenced";
      throw error;
    }
  }
  async writesOn(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#log?.append(write(name));
  }

  held = async () => this.#held;
  hold = async () => {};
  close = async () => {};
  drain = async () => {};
  passOn = async () => {};
  startApp = async () => {};
  letGo = async () => {};

  ready = async () => ({ uid: 1 });
  handDown = async () => {};
  kept = async () => this.#kept;
  async takeOver(epoch: number) {
    this.#kept = { ...this.#kept, epoch, sealed: false, place: await this.#hands.take(epoch) };
    return { seq: this.#kept.place.seq, entries: 0, files: [], opened: false, uploads: 0, troubles: [] };
  }
  async goBack(epoch: number) {
    const { bucket, left } = this.#hands;
    const me = this.#hands.writer(epoch);
    if (left.blindly) {
      const log = new LogWriter(bucket, me, await this.#hands.take(epoch), this.#hands.patience);
      await log.append({ kind: "rewind", to: this.#kept.place.seq });
      this.#kept = { ...this.#kept, epoch, sealed: false, place: log.place };
      return { rewound: true, seq: log.place.seq };
    }
    const done = await goBack(bucket, me, this.#kept.place, this.#hands.patience);
    if (done.rewound) this.#kept = { ...this.#kept, epoch, sealed: false, place: done.place };
    return { rewound: done.rewound, seq: done.place.seq };
  }
  async start(epoch: number) {
    this.#log = new LogWriter(
      this.#hands.bucket,
      this.#hands.writer(epoch),
      this.#kept.place,
      this.#hands.patience,
    );
    [this.#state, this.#mayRun] = ["shipping", true];
  }
  stop = async () => {
    this.#log = undefined;
  };
  async open() {
    if (this.#log !== undefined) await this.#hands.open(this.#log);
    return 0;
  }
  async seal() {
    this.#mayRun = false;
    const seq = await this.append({ kind: "seal" });
    this.#state = "sealed";
    if (this.#log !== undefined) this.#kept = { ...this.#kept, sealed: true, place: this.#log.place };
    return seq;
  }
  sealed = async () => !this.#mayRun;
  beginTrial = async () => {};
  trial = async () => undefined;
  endTrial = async () => {};
  takeBackTrial = async () => {};
  readers = async () => [];
  diskUsed = async () => 0;
  drill = async () => ({ entry: 0, as: "", seconds: 0, failures: [], databases: [] });
  async status() {
    if (this.#log === undefined) return undefined;
    return { state: this.#state, epoch: this.#log.me.epoch, seq: this.#log.place.seq, behind: 0 };
  }
  revive = async () => {};
  copy = async () => ({ folder: "", seq: 0, files: [] });
  dropCopy = async () => {};
}

function outcomes(whole: Whole, call: WholeCall): Outcome<Whole>[] {
  if (call.op === "site") {
    return [{ fate: "answered", state: whole, reply: { value: { site: whole.site, etag: whole.etag } } }];
  }
  if (call.op === "claim") {
    const nothing: Reply = { error: { name: "TimeoutError", message: "no answer" } };
    if (call.etag !== undefined && call.etag !== whole.etag) {
      return [{ fate: "answered", state: whole, reply: { value: {} } }];
    }
    const etag = whole.etag + 1;
    const state = { ...whole, site: call.body, etag };
    return [
      { fate: "answered", state, reply: { value: { etag } } },
      { fate: "reply lost", state, reply: nothing },
    ];
  }
  return logOutcomes(whole, call).map((one) => ({
    ...one,
    state: { ...(one.state as World), site: whole.site, etag: whole.etag },
  }));
}

/** Not `expect`: these run some hundred thousand times. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

const epochOf = (whole: Whole): number => (JSON.parse(whole.site) as { epoch: number }).epoch;

/** Whatever happens: who reads the log sees every write that was acknowledged, and site.json never goes back. */
function nothingLost(before: Whole, whole: Whole): void {
  const { seen } = visible(whole);
  const lost = whole.acknowledged.filter((name) => !seen.has(name));
  must(lost.length === 0, `acknowledged and gone: ${lost.join()}`);
  must(epochOf(whole) >= epochOf(before), "site.json never goes back");
}

const owner = { epoch: 1, instance: "i-1", run: "0".repeat(15).concat("1") };
const site = JSON.stringify({
  ...{ version: 1, nonce: "0", epoch: 1, owner: "i-1", address: "10.0.0.1", privateAddress: "10.0.0.1" },
  ...{ launched: new Date(1_000).toISOString(), since: AT, release: "r1", state: "serving" },
});

/** A site that one instance has, which hands it over, or does not hear of it; and whoever else there is. */
export function handingOver(
  left: Left = {},
  {
    third = false,
    cleans = false,
    tries = false,
    writes = ["1a"],
  }: { third?: boolean; cleans?: boolean; tries?: boolean; writes?: readonly string[] } = {},
): Model<Whole, WholeCall> {
  const log = worldOf(
    [
      { kind: "fence", ...owner },
      { kind: "open", ...owner },
    ],
    left.silently ? { careless: true } : {},
  );
  const { place } = visible(log);
  return {
    initial: { ...log, site, etag: 1 },
    actors: {
      old: yielding("i-1", place, writes, ["1z"], left),
      second: taking("i-2", ["2a"], left, { cleans, tries }),
      ...(third && { third: taking("i-3", ["3a"], left) }),
    },
    outcomes,
    label: (call) =>
      call.op === "site"
        ? "reads site.json"
        : call.op === "claim"
          ? `claims ${nameIn(call.body)}`
          : logLabelOf(call),
    key: (whole) => `${logKeyOf(whole)} ${whole.etag} ${whole.site}`,
    step: nothingLost,
    end: (whole, results) => {
      const epochs = [...results.values()].filter((one) => typeof one === "number");
      must(new Set(epochs).size === epochs.length, "no two were told the same epoch");
      const { place, seen } = visible(whole);
      must(place.epoch >= 1, "somebody has the log");
      const served = whole.open.includes(place.epoch);
      must(!served || !seen.has(HALF), "whoever serves goes on with half of what another release has done");
    },
  };
}

const nameIn = (body: string): string => {
  const { epoch, owner: by } = JSON.parse(body) as { epoch: number; owner: string };
  return `epoch ${epoch} for ${by}`;
};
