/** A site with state and the instances it passes between: their disks outlive whoever does the steps on them. */

import { StateTurn, type TurnGround } from "../../../agent/handover/state-turn.ts";
import { type Claim, type Claimant, publishSite, takeSite } from "../../../agent/ownership/claim.ts";
import type { YieldStep } from "../../../agent/ownership/state-swap.ts";
import type { StateKeeper, StateStatus } from "../../../agent/ports/state.ts";
import type { Zone } from "../../../agent/ports/zone.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { Fenced } from "../../../agent/site/state/errors.ts";
import { BEGINNING, type Place } from "../../../agent/site/state/place.ts";
import { readLog } from "../../../agent/site/state/read-log.ts";
import { goBack } from "../../../agent/state/log/go-back.ts";
import { LogWriter, type Written } from "../../../agent/state/log/log-writer.ts";
import { takeLog } from "../../../agent/state/log/take.ts";
import type { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalState, patience, writer } from "../state/local.ts";
import { TestFleet } from "./fleet.ts";

const nowhere = {
  find: async () => undefined,
  change: async () => "C1",
  settled: async () => true,
} as unknown as Zone;

/** What an instance that takes the site does, in this order. */
const TAKES = ["claim", "fence", "start", "open", "serving"] as const;

export class World {
  readonly local: LocalState;
  readonly clock: ManualClock;
  readonly fleet = new TestFleet();
  /** Writes that were answered, by what they wrote. */
  readonly acknowledged: string[] = [];

  constructor(local: LocalState, clock: ManualClock) {
    this.local = local;
    this.clock = clock;
  }

  instance(name: string, launched: number): Instance {
    this.fleet.add(name, new Date(launched));
    return new Instance(this, name, launched);
  }

  /** What whoever reads the log sees of what was written. */
  async visible(): Promise<Set<string>> {
    let seen: { seq: number; name: string }[] = [];
    await readLog(this.local.bucket, BEGINNING, {
      onEntry: ({ entry: { header }, counts, seq }) => {
        if (!counts) return undefined;
        if (header.kind === "data") seen.push({ seq, name: header.media?.[0]?.name ?? "" });
        if (header.kind === "rewind") seen = seen.filter((one) => one.seq <= header.to);
        return undefined;
      },
    });
    return new Set(seen.map(({ name }) => name));
  }
}

/** One instance's disk, units and visitors. */
export class Instance implements StateKeeper, TurnGround {
  readonly name: string;
  readonly #world: World;
  readonly #launched: number;
  /** Where requests go: to the app here, nowhere yet, to an address, or to a 503 page. */
  door: "app" | "waits" | "closed" | { to: string } = "closed";
  mayRun = false;
  app = false;
  /** The app cannot be started. */
  broken = false;
  log: LogWriter | undefined;
  state: StateStatus["state"] = "starting";
  opened = false;
  disk: { epoch: number; sealed: boolean; place: Place } | undefined;
  /** What it did, in order. */
  readonly steps: YieldStep[] = [];
  /** Its agent dies when it is about to do this. */
  dies: YieldStep | undefined;
  #turn: StateTurn | undefined;
  #claim: Extract<Claim, { owner: true }> | undefined;
  #taken = 0;

  constructor(world: World, name: string, launched: number) {
    this.#world = world;
    this.name = name;
    this.#launched = launched;
  }

  get address(): string {
    return `10.0.0.${this.name.slice(2)}`;
  }

  get me(): Claimant {
    const { name: instance, address } = this;
    return { instance, address, privateAddress: address, launched: new Date(this.#launched), release: "r1" };
  }

  take(how = {}) {
    const { local, clock, fleet } = this.#world;
    return takeSite(this.me, this.#claiming(local, clock, fleet), how);
  }

  #claiming(local: LocalState, clock: ManualClock, peers: TestFleet) {
    return { store: local.store, zone: nowhere, peers, clock, domain: "blog.example", aliases: [], ttl: 60 };
  }

  /** Takes the site over, up to a step; goes on where it was. */
  async takes(until: (typeof TAKES)[number] = "serving"): Promise<void> {
    const { local, clock, fleet } = this.#world;
    for (; this.#taken <= TAKES.indexOf(until); this.#taken++) {
      const claim = this.#claim;
      switch (TAKES[this.#taken]) {
        case "claim": {
          const taken = await this.take();
          if (!taken.owner) throw new Error(`${taken.by} has it`);
          this.#claim = taken;
          break;
        }
        case "fence":
          if (claim) await this.takeOver(claim.epoch);
          break;
        case "start":
          if (claim) await this.start(claim.epoch);
          await this.startApp();
          break;
        case "open":
          await this.open();
          this.door = "app";
          break;
        case "serving":
          if (claim) await publishSite(this.me, claim, this.#claiming(local, clock, fleet));
      }
    }
  }

  /** A visitor writes something. */
  async write(what: string): Promise<boolean> {
    if (!this.app || !this.mayRun || !this.opened || this.door !== "app") return false;
    const media = [{ name: what, sha256: "0".repeat(64), size: 1 }];
    const written = await this.#append({ kind: "data", media }).catch(() => undefined);
    if (written !== undefined) this.#world.acknowledged.push(what);
    return written !== undefined;
  }

  /** What an agent does once it has seen that another one claims the site, or has begun again and stands by. */
  async yields(signal = new AbortController().signal) {
    this.#turn ??= this.#newTurn();
    try {
      return await this.#turn.yields(signal);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      this.#turn = undefined;
      return "died";
    }
  }

  async takesBack(signal = new AbortController().signal) {
    this.#turn ??= this.#newTurn();
    return this.#turn.takesBack(signal);
  }

  leaves = false;

  #newTurn(): StateTurn {
    const { local, clock, fleet } = this.#world;
    return new StateTurn({
      ...{ instance: this.name, state: this, ground: this, store: local.store, peers: fleet, clock },
      pause: async () => 10,
      leaving: () => this.leaves,
      take: (how) => this.take(how),
      onStep: (step) => {
        if (this.dies === step) {
          this.dies = undefined;
          throw new Died(step);
        }
        this.steps.push(step);
      },
    });
  }

  // What visitors get.
  held = async () => this.door !== "app";
  hold = async () => {
    this.door = "waits";
  };
  close = async () => {
    this.door = "closed";
  };
  drain = async () => {};
  passOn = async (to: string) => {
    this.door = { to };
  };
  async startApp() {
    if (!this.mayRun) throw new Error("the units may not start");
    if (this.broken) throw new EverspotError("the app does not start", { retry: "retry" });
    this.app = true;
  }
  letGo = async () => {
    this.door = "app";
  };

  // What keeps the state.
  kept = async () => this.disk && { ...this.disk, instance: this.name };
  async takeOver(epoch: number) {
    if (this.app || this.log !== undefined) throw new Error("somebody has the databases open");
    const { bucket } = this.#world.local;
    const { place } = await takeLog(
      bucket,
      writer(epoch, this.name),
      async (options) => ({ place: await readLog(bucket, BEGINNING, options) }),
      patience,
    );
    this.disk = { epoch, sealed: false, place };
    return { seq: place.seq, entries: 0, files: [], opened: false, uploads: 0, troubles: [] };
  }
  async goBack(epoch: number) {
    const { disk } = this;
    if (!disk?.sealed || disk.epoch > epoch) throw new EverspotError("not sealed");
    const back = await goBack(this.#world.local.bucket, writer(epoch, this.name), disk.place, patience);
    if (back.rewound) this.disk = { epoch, sealed: false, place: back.place };
    return { rewound: back.rewound, seq: back.place.seq };
  }
  async start(epoch: number) {
    if (this.disk?.epoch !== epoch) throw new EverspotError(`the disk is not of epoch ${epoch}`);
    this.log ??= new LogWriter(this.#world.local.bucket, writer(epoch, this.name), this.disk.place, patience);
    [this.state, this.opened, this.mayRun] = ["shipping", false, true];
  }
  async stop() {
    this.log = undefined;
    this.state = "starting";
  }
  async open() {
    const seq = await this.#append({ kind: "open" });
    this.opened = true;
    return seq;
  }
  async seal() {
    [this.mayRun, this.app] = [false, false];
    const seq = await this.#append({ kind: "seal" });
    this.state = "sealed";
    if (this.disk && this.log) this.disk = { ...this.disk, sealed: true, place: this.log.place };
    return seq;
  }
  sealed = async () => !this.mayRun;
  beginTrial = async (release: string) => {
    await this.#append({ kind: "mark", name: `before ${release}` });
  };
  trial = async () => undefined;
  endTrial = async () => {};
  takeBackTrial = async () => {};
  readers = async () => [];
  diskUsed = async () => 0;
  drill = async () => ({ entry: 0, as: "", seconds: 0, failures: [], databases: [] });
  async status() {
    const { log, state } = this;
    if (log === undefined) return undefined;
    return { state, epoch: log.me.epoch, seq: log.place.seq, behind: 0 };
  }
  copy = async () => ({ folder: "/copy", seq: 0, files: [] });
  dropCopy = async () => {};
  revive = async () => {};
  ready = async () => ({ uid: 0 });
  handDown = async () => {};

  async #append(written: Written): Promise<number> {
    if (this.state === "fenced") throw new Fenced((this.disk?.epoch ?? 0) + 1);
    if (this.log === undefined || this.state !== "shipping") throw new EverspotError(`it is ${this.state}`);
    try {
      return (await this.log.append(written)).seq;
    } catch (error) {
      if (error instanceof Fenced) this.state = "fenced";
      throw error;
    }
  }
}

class Died extends Error {}
