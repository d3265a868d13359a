import { randomUUID } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readDocument } from "../site/document.ts";
import { messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { bellDocument } from "../site/runs/bell.ts";
import { RUN_EXPIRES_SECONDS, stateDocument } from "../site/runs/documents.ts";
import { RUN_UNITS, runName } from "../system/paths.ts";
import { Run, type RunContext, STOP_SECONDS } from "./run.ts";
import { endOf } from "./run-end.ts";

/** Commands at a time. */
const MOST = 4;
/** Seconds until what an agent before this one left is looked at again, after that failed. */
const RECOVER_SECONDS = 5;
/** Seconds between two looks while a command runs, and while one waits for this instance to have the site. */
const PACE = { running: 0.5, waiting: 5 };

/** The commands that the operator has run here: those that the bell names, while this instance owns the site. */
export class Runs {
  readonly #context: RunContext;
  readonly #warn: (message: string) => void;
  readonly #open = new Map<string, { run: Run; carried: Promise<void> }>();
  /** Those of the bell that were looked at. */
  #known = new Set<string>();
  #waiting = false;

  constructor(context: RunContext, warn: (message: string) => void) {
    this.#context = context;
    this.#warn = warn;
  }

  /** How soon the bell is to be looked at again, and whether to look here although it was not rung. */
  get pace(): { seconds: number; all: boolean } | undefined {
    if (this.#open.size > 0) return { seconds: PACE.running, all: this.#waiting };
    return this.#waiting ? { seconds: PACE.waiting, all: true } : undefined;
  }

  /** The bell was rung. @returns no events: what comes of it goes on beside. */
  async look(): Promise<[]> {
    const { store, clock, owned } = this.#context;
    const before = [...this.#open.values()];
    const { value, date } = await readDocument(store, bellDocument);
    const now = date?.getTime() ?? clock.now();
    const named = value?.runs ?? [];
    const recent = named.filter(
      ({ id, asked }) => !this.#known.has(id) && now - Date.parse(asked) < RUN_EXPIRES_SECONDS * 1000,
    );
    this.#waiting = recent.length > 0 && owned() === undefined;
    this.#known = new Set(named.map(({ id }) => id).filter((id) => this.#known.has(id)));
    if (owned() !== undefined) for (const { id } of recent) this.#begin(id);
    await Promise.all(before.map(({ run }) => run.look()));
    return [];
  }

  /** All commands are asked to stop, as what they work on is taken from this instance. */
  interrupt(reason: string): void {
    for (const { run } of this.#open.values()) run.stop("interrupted", reason);
  }

  /** Ends when asked to, with every command. */
  async ended(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    this.interrupt("the instance's agent ended");
    await Promise.all([...this.#open.values()].map(({ carried }) => carried));
  }

  /** Ends what an agent that was cut off left running here, and says so of each command. Never rejects. */
  async recover(signal: AbortSignal): Promise<void> {
    const { units, places, clock } = this.#context;
    const ids = await readdir(places.runs).catch(() => []);
    if (ids.length === 0) return;
    const found = await units.list(RUN_UNITS).catch(() => []);
    const left = found.filter((unit) => ids.some((id) => unit.startsWith(`${runName(id)}@`)));
    for (const unit of left) {
      await units.stop(unit, STOP_SECONDS).catch(() => undefined);
      await units.reset(unit);
    }
    for (const id of ids) {
      while (!signal.aborted) {
        try {
          await this.#recoverOne(id);
          break;
        } catch (error) {
          this.#warn(`the command ${id}, which was cut off: ${messageOf(error)}`);
          await clock.sleep(RECOVER_SECONDS * 1000, signal).catch(() => undefined);
        }
      }
    }
  }

  #begin(id: string): void {
    this.#known.add(id);
    const run = new Run(id, this.#context, this.#open.size >= MOST);
    const carried = run
      .carry()
      .catch((error: unknown) => this.#warn(`the command ${id}: ${messageOf(error)}`))
      .finally(() => this.#open.delete(id));
    this.#open.set(id, { run, carried });
  }

  async #recoverOne(id: string): Promise<void> {
    const { store, clock, instance, places, tell } = this.#context;
    const type = stateDocument(id);
    const { value } = await readDocument(store, type);
    if (value !== undefined && value.instance === instance && value.end === undefined) {
      const parts = (await store.list(keys.runOutputs(id))).length;
      const end = { ...endOf("interrupted", parts, "the instance's agent ended"), seconds: 0 };
      const beat = new Date(clock.now()).toISOString();
      await store.put(type.key, JSON.stringify({ ...value, nonce: randomUUID(), beat, end }, null, 1));
      tell(`the command ${id} was cut off`);
    }
    await rm(join(places.environment, `${runName(id)}.env`), { force: true });
    await rm(join(places.runs, id), { force: true });
  }
}
