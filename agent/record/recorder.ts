import type { ServedCertificate } from "../certificate/context.ts";
import type { Identity } from "../identity/identity.ts";
import { type BootRecord, type BootStep, bootRecord, type Phase, stepLabel } from "../site/boot-record.ts";
import { type Clock, systemClock } from "../site/clock.ts";
import { keys } from "../site/names.ts";
import { parseJson } from "../site/read-json.ts";
import type { ObjectStore } from "../site/store.ts";
import type { StepObserver } from "./graph.ts";
import { StepLog } from "./step-log.ts";

/** Milliseconds between two writes, at least: a boot of 20 steps needs no 40 requests. */
const PAUSE_MS = 250;
/** After a write failed. */
const RETRY_MS = 3_000;
const MAX_EVENTS = 50;

export interface RecorderOptions {
  store: ObjectStore;
  site: string;
  bootId: string;
  /** Version or hash of the agent. */
  agent: string;
  /** Epoch milliseconds of the start of bootstrap.sh. */
  started: number;
  /** Steps done before the agent ran. */
  before: readonly BootStep[];
  clock?: Clock;
  /** Called when a write failed; it is tried again. */
  onError?: (error: unknown) => void;
}

/** As seen by everything that writes to it: a log, from which nothing is read back. */
export type BootLog = Omit<BootRecorder, "value" | "resume" | "flush" | "close">;

/**
 * The record of this boot, written to `boots/<instance>.json` in the background: changes that come while a write
 * runs go out together in the next one. Nothing here makes a boot wait or fail. Writing starts when `identify`
 * has said which instance this is; a record of an earlier boot of it is kept in the history first.
 */
export class BootRecorder {
  readonly #options: RecorderOptions;
  readonly #clock: Clock;
  readonly #record: Omit<BootRecord, "instance" | "steps">;
  #steps: StepLog;
  #instance: string | undefined;
  #dirty = false;
  #writing: Promise<void> | undefined;
  #begun = false;
  #closed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#record = {
      version: 2,
      site: options.site,
      bootId: options.bootId,
      attempt: 1,
      started: new Date(options.started).toISOString(),
      updated: new Date(options.started).toISOString(),
      state: "booting",
      agent: options.agent,
      warnings: [],
    };
    this.#steps = this.#stepsAfter(options.before);
  }

  identify(identity: Identity): void {
    this.#instance = identity.instance;
    this.change({
      type: identity.type,
      zone: identity.zone,
      address: identity.address,
      privateAddress: identity.privateAddress,
    });
  }

  /** Goes on with the record of this boot that an earlier process wrote. */
  resume({ instance, steps, ...record }: BootRecord): void {
    Object.assign(this.#record, record);
    this.#steps = this.#stepsAfter(steps);
    this.#instance = instance;
    this.#begun = true;
  }

  /** A new try of the same boot: its steps replace those of the last one. */
  attempt(number: number): void {
    this.#steps.forget("boot", "in-place");
    this.#record.warnings = [];
    delete this.#record.blame;
    // Which one is to be tried now is not known yet.
    delete this.#record.release;
    this.change({ attempt: number, state: "booting" });
  }

  /** Writes down the steps of a phase. */
  observe(phase: Phase): StepObserver {
    return this.#steps.of(phase, (text) => this.warn(text));
  }

  /** The phase begins again. */
  forget(phase: Phase): void {
    this.#steps.forget(phase);
  }

  /** Describes a finished step in one line. */
  describe(phase: Phase, name: string): string {
    return this.#steps.describe(phase, name);
  }

  change(
    fields: Partial<
      Omit<
        BootRecord,
        "version" | "site" | "instance" | "bootId" | "started" | "updated" | "steps" | "warnings"
      >
    >,
  ): void {
    Object.assign(this.#record, fields);
    this.#touch();
  }

  /** Clears the blame. */
  forgive(): void {
    delete this.#record.blame;
    this.#touch();
  }

  /** Something was noticed or done after the boot. */
  event(text: string): void {
    const at = new Date(this.#clock.now()).toISOString();
    this.change({ events: [...(this.#record.events ?? []), { at, text }].slice(-MAX_EVENTS) });
  }

  certificate(served: ServedCertificate): void {
    const { serial, notBefore, notAfter, source } = served;
    const [begins, expires] = [notBefore.toISOString(), notAfter.toISOString()];
    this.change({ certificate: { serial, begins, expires, source } });
  }

  warn(text: string): void {
    if (!this.#record.warnings.includes(text)) this.#record.warnings.push(text);
    this.#touch();
  }

  /** Takes back what steps of these names warned of. @returns that. */
  unwarn(steps: readonly string[]): string[] {
    const labels = steps.flatMap((name) => [name, stepLabel({ phase: "in-place", name })]);
    const theirs = (text: string): boolean => labels.some((label) => text.startsWith(`${label}: `));
    const taken = this.#record.warnings.filter(theirs);
    this.#record.warnings = this.#record.warnings.filter((text) => !theirs(text));
    this.#touch();
    return taken;
  }

  /** As it would be written now, for the process that goes on with it; undefined before `identify`. */
  get value(): BootRecord | undefined {
    if (this.#instance === undefined) return undefined;
    return bootRecord.parse({ ...this.#record, instance: this.#instance, steps: this.#steps.steps });
  }

  /** Resolves when all that was said is written, or after `seconds`. */
  async flush(seconds: number): Promise<void> {
    const deadline = this.#clock.now() + seconds * 1000;
    while ((this.#dirty || this.#writing !== undefined) && this.#instance !== undefined) {
      if (this.#clock.now() >= deadline) return;
      await Promise.race([this.#writing, this.#clock.sleep(50)]);
    }
  }

  /** No writes after this. */
  close(): void {
    this.#closed = true;
  }

  #stepsAfter(steps: readonly BootStep[]): StepLog {
    return new StepLog(
      steps,
      () => (this.#clock.now() - this.#options.started) / 1000,
      () => this.#touch(),
    );
  }

  #touch(): void {
    this.#record.updated = new Date(this.#clock.now()).toISOString();
    this.#dirty = true;
    if (this.#instance !== undefined) this.#writing ??= this.#write();
  }

  /** The record of this instance's boot before this one goes to the history: the next write overwrites it. */
  async #keepEarlier(): Promise<void> {
    const { store, bootId, onError } = this.#options;
    const instance = this.#instance;
    if (this.#begun || instance === undefined) return;
    this.#begun = true;
    try {
      const key = keys.boot(instance);
      const found = await store.get(key);
      if (found === undefined) return;
      const earlier = parseJson(store, key, bootRecord, found.body);
      if (earlier.bootId === bootId) return;
      await store.put(keys.history(earlier.started, "boot", instance), found.body);
    } catch (error) {
      onError?.(error);
    }
  }

  async #write(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      await this.#keepEarlier();
      const value = this.value;
      if (value === undefined) break;
      this.#dirty = false;
      try {
        await this.#options.store.put(keys.boot(value.instance), JSON.stringify(value, null, 1));
        await this.#clock.sleep(PAUSE_MS);
      } catch (error) {
        this.#options.onError?.(error);
        this.#dirty = true;
        await this.#clock.sleep(RETRY_MS);
      }
    }
    this.#writing = undefined;
  }
}
