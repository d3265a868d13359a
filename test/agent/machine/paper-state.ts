import type { KeptState, StateKeeper, StateStatus, TakenOver } from "../../../agent/ports/state.ts";
import { Fenced } from "../../../agent/site/state/errors.ts";

/** The log of a site, as far as owners are concerned: who has it, and who was open since. */
export class PaperLog {
  epoch = 0;
  opened = 0;
  length = 0;
}

/** What keeps a site's state on one instance, with a log on paper; what it was asked for is in `done`. */
export class PaperState implements StateKeeper {
  readonly log: PaperLog;
  readonly instance: string;
  readonly done: string[] = [];
  disk: KeptState | undefined;
  /** Lost with a reboot, like the process. */
  runs: { epoch: number; state: StateStatus["state"] } | undefined;
  mayRun = false;
  /** Called as each begins. */
  before: (what: string) => Promise<void> | void = () => {};

  constructor(instance: string, log = new PaperLog()) {
    this.instance = instance;
    this.log = log;
  }

  ready = async () => ({ uid: 995 });
  handDown = async () => {};
  kept = async () => this.disk;
  sealed = async () => !this.mayRun;
  copy = async () => ({ folder: "/copy", seq: this.log.length, files: [] });
  dropCopy = async () => {};
  revive = async () => this.#begin("revive");

  async takeOver(epoch: number): Promise<TakenOver> {
    await this.#begin(`take over ${epoch}`);
    this.mayRun = false;
    this.runs = undefined;
    this.#fence(epoch);
    this.disk = { epoch, instance: this.instance, sealed: false };
    return {
      seq: this.log.length,
      entries: this.log.length,
      files: [],
      opened: false,
      uploads: 0,
      troubles: [],
    };
  }

  async goBack(epoch: number): Promise<{ rewound: boolean; seq: number }> {
    await this.#begin(`go back ${epoch}`);
    const sealed = this.disk?.epoch ?? 0;
    this.#fence(epoch);
    const rewound = this.log.opened <= sealed;
    if (rewound) this.disk = { epoch, instance: this.instance, sealed: false };
    return { rewound, seq: this.log.length };
  }

  async start(epoch: number): Promise<void> {
    await this.#begin(`start ${epoch}`);
    if (this.log.epoch > epoch) throw new Fenced(this.log.epoch);
    this.runs = { epoch, state: "shipping" };
    this.mayRun = true;
  }

  async stop(): Promise<void> {
    await this.#begin("stop");
    this.mayRun = false;
    this.runs = undefined;
  }

  async open(): Promise<number> {
    await this.#begin("open");
    const seq = this.#write();
    this.log.opened = this.log.epoch;
    return seq;
  }

  async seal(): Promise<number> {
    await this.#begin("seal");
    this.mayRun = false;
    const seq = this.#write();
    if (this.disk !== undefined) this.disk = { ...this.disk, sealed: true };
    if (this.runs !== undefined) this.runs = { ...this.runs, state: "sealed" };
    return seq;
  }

  tried: string | undefined;
  trial = async () => this.tried;
  endTrial = async () => {
    this.tried = undefined;
  };
  async beginTrial(release: string): Promise<void> {
    await this.#begin(`try ${release}`);
    this.#write();
    this.tried = release;
  }
  async takeBackTrial(): Promise<void> {
    await this.#begin(`take back ${this.tried}`);
    this.tried = undefined;
  }
  readers = async () => [];
  diskUsed = async () => 0;
  drill = async () => ({ entry: 0, as: "", seconds: 0, failures: [], databases: [] });

  async status(): Promise<StateStatus | undefined> {
    if (this.runs === undefined) return undefined;
    const state = this.log.epoch > this.runs.epoch ? "fenced" : this.runs.state;
    return { ...this.runs, state, seq: this.log.length, behind: 0 };
  }

  /** The machine is restarted. */
  reboot(): void {
    this.runs = undefined;
    this.mayRun = false;
  }

  async #begin(what: string): Promise<void> {
    this.done.push(what);
    await this.before(what);
  }

  #fence(epoch: number): void {
    if (this.log.epoch > epoch) throw new Fenced(this.log.epoch);
    this.log.epoch = epoch;
    this.log.length++;
  }

  #write(): number {
    if (this.runs === undefined) throw new Error("nothing answers");
    if (this.log.epoch > this.runs.epoch) throw new Fenced(this.log.epoch);
    return ++this.log.length;
  }
}
