import type { ServedCertificate } from "../certificate/context.ts";
import type { Identity } from "../identity/identity.ts";
import { type Clock, systemClock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { type BootRecord, type BootStep, bootRecord } from "../site/records.ts";
import type { ObjectStore } from "../site/store.ts";
import type { StepObserver } from "./graph.ts";

/** Milliseconds between two writes, at least: a boot of 20 steps needs no 40 requests. */
const PAUSE_MS = 250;
/** After a write failed. */
const RETRY_MS = 3_000;
const MAX_LINES = 40;
const MAX_EVENTS = 50;
const MAX_LINE = 500;

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
  /** Told when a write failed; it is tried again. */
  onError?: (error: unknown) => void;
}

/**
 * The record of this boot, written to `boots/<instance>.json` in the background: changes that come while a write
 * runs go out together in the next one. Nothing here makes a boot wait or fail. Writing starts when `identify`
 * has said which instance this is; a record of an earlier boot of it is kept in the history first.
 */
export class BootRecorder implements StepObserver {
  readonly #options: RecorderOptions;
  readonly #clock: Clock;
  readonly #record: Omit<BootRecord, "instance">;
  #instance: string | undefined;
  #dirty = false;
  #writing: Promise<void> | undefined;
  #begun = false;
  #closed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#record = {
      version: 1,
      site: options.site,
      bootId: options.bootId,
      attempt: 1,
      started: new Date(options.started).toISOString(),
      updated: new Date(options.started).toISOString(),
      state: "booting",
      agent: options.agent,
      steps: [...options.before],
      warnings: [],
    };
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
  resume({ instance, ...record }: BootRecord): void {
    Object.assign(this.#record, record);
    this.#instance = instance;
    this.#begun = true;
  }

  /** A new try of the same boot: its steps replace those of the last one. */
  attempt(number: number): void {
    this.#record.steps = [...this.#options.before];
    this.#record.warnings = [];
    delete this.#record.blame;
    this.change({ attempt: number, state: "booting" });
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

  /** Nothing is to blame any more. */
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

  started(name: string, needs: readonly string[]): void {
    this.forget((step) => step === name);
    this.#record.steps.push({ name, needs: [...needs], start: this.#seconds(), state: "running" });
    this.#touch();
  }

  /** Drops steps of an earlier try. */
  forget(which: (name: string) => boolean): void {
    this.#record.steps = this.#record.steps.filter((s) => !which(s.name));
  }

  detail(name: string, text: string): void {
    this.#step(name, { detail: text });
  }

  warned(name: string, text: string): void {
    this.warn(`${name}: ${text}`);
  }

  warn(text: string): void {
    if (!this.#record.warnings.includes(text)) this.#record.warnings.push(text);
    this.#touch();
  }

  done(name: string): void {
    this.#step(name, { state: "done", ...this.#duration(name) });
  }

  failed(name: string, error: unknown): void {
    const known = error instanceof EverspotError ? error : undefined;
    this.#step(name, {
      state: "failed",
      ...this.#duration(name),
      error: known?.resource === undefined ? messageOf(error) : `${messageOf(error)} (${known.resource})`,
      ...(known?.hint === undefined ? {} : { hint: known.hint }),
      ...(known === undefined || known.lines.length === 0
        ? {}
        : { lines: known.lines.slice(-MAX_LINES).map((line) => line.slice(0, MAX_LINE)) }),
    });
  }

  /** A finished step in one line. */
  describe(name: string): string {
    const found = this.#record.steps.find((s) => s.name === name);
    const detail = found?.detail === undefined ? "" : `: ${found.detail}`;
    return `${name}${detail} (${found?.seconds ?? "?"} s)`;
  }

  /** The record as it would be written now; undefined before `identify`. */
  get value(): BootRecord | undefined {
    if (this.#instance === undefined) return undefined;
    return bootRecord.parse({ ...this.#record, instance: this.#instance });
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

  #seconds(): number {
    return round((this.#clock.now() - this.#options.started) / 1000);
  }

  #duration(name: string): { seconds: number } | undefined {
    const found = this.#record.steps.find((s) => s.name === name);
    return found && { seconds: round(this.#seconds() - found.start) };
  }

  #step(name: string, fields: Partial<BootStep>): void {
    const found = this.#record.steps.find((s) => s.name === name);
    if (found !== undefined) Object.assign(found, fields);
    this.#touch();
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
      const found = await store.get(keys.boot(instance));
      if (found === undefined) return;
      const earlier = bootRecord.parse(JSON.parse(new TextDecoder().decode(found.body)));
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

/** Milliseconds are enough. */
const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;
