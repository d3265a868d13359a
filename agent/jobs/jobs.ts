/** Jobs and workers on one instance: while it has the site, and never while another one might. */
import type { BootConfig } from "../../user-data/boot-config.ts";
import { messageOf } from "../site/errors.ts";
import { YIELD_SECONDS } from "../site/jobs/yield.ts";
import { JOB_UNITS } from "../system/paths.ts";
import { Job, type JobContext, type Owned } from "./job.ts";
import { endWorkers, keepWorkers, type WorkersContext } from "./workers.ts";
import { answerYield, askedToYield } from "./yield.ts";

type Tables = Pick<BootConfig, "schedule" | "worker">;

export interface JobsContext extends JobContext, WorkersContext {
  units: JobContext["units"] & WorkersContext["units"];
  /** Ends the whole duty. */
  signal: AbortSignal;
}

/** Whether a site has any. */
export const hasJobs = ({ schedule, worker }: Tables): boolean =>
  schedule !== undefined || worker !== undefined;

/** Seconds that the slowest has to end. */
export const stopSeconds = ({ schedule = {}, worker = {} }: Tables): number =>
  Math.max(0, ...[...Object.values(schedule), ...Object.values(worker)].map(({ stop }) => stop));

/** All of one site. What the methods do takes effect one after the other. */
export class Jobs {
  readonly #context: JobsContext;
  readonly #tables: Tables;
  readonly #jobs: readonly Job[];
  /** What an agent before this one left is ended; then each term in its turn. */
  #last: Promise<void>;
  /** The current term. */
  #work: { over: AbortController; ended: Promise<void> } | undefined;
  readonly #pauses = new Set<object>();
  readonly #changed = new EventTarget();
  #heard: string | undefined;

  constructor(tables: Tables, context: JobsContext) {
    this.#tables = tables;
    this.#context = context;
    this.#jobs = Object.entries(tables.schedule ?? {}).map(([name, job]) => new Job(name, job, context));
    this.#last = this.#clear();
  }

  job(name: string): Job | undefined {
    return this.#jobs.find((one) => one.name === name);
  }

  /** They run, as long as the signal allows; when this returns all are down. Never rejects. */
  during(owned: Owned, signal: AbortSignal): Promise<void> {
    this.#last = this.#last.then(() => this.#term(owned, signal));
    return this.#last;
  }

  /** Ends them all, each in its time, and begins none. @returns has them go on. */
  async pause(): Promise<() => void> {
    const one = {};
    this.#pauses.add(one);
    this.#work?.over.abort();
    await this.#work?.ended;
    return () => {
      this.#pauses.delete(one);
      this.#changed.dispatchEvent(new Event("changed"));
    };
  }

  /**
   * The bucket may say that another instance is about to take the site over: all end then, and it learns so. They go
   * on here if it did not come. @returns no events: what comes of it goes on beside.
   */
  async look(): Promise<[]> {
    const { store, instance, owned } = this.#context;
    if (owned() === undefined) return [];
    const asked = await askedToYield(store, instance, this.#heard);
    if (asked === undefined) return [];
    this.#heard = asked.id;
    void this.#yield(asked).catch((error: unknown) => {
      if (!this.#context.signal.aborted) this.#context.tell(`jobs: ${messageOf(error)}`);
    });
    return [];
  }

  async #yield({ id, by }: { id: string; by: string }): Promise<void> {
    const { store, clock, tell, signal } = this.#context;
    tell(`jobs and workers end here: ${by} is about to take the site over`);
    const goOn = await this.pause();
    try {
      await answerYield(store, clock, id);
      await clock.sleep(YIELD_SECONDS * 1000, signal);
    } finally {
      goOn();
    }
  }

  async #term(owned: Owned, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    while (!signal.aborted) {
      if (this.#pauses.size > 0) {
        const over = new AbortController();
        const wake = () => over.abort();
        this.#changed.addEventListener("changed", wake, { once: true });
        await clock.sleep(LONG_MS, AbortSignal.any([signal, over.signal])).catch(() => undefined);
        this.#changed.removeEventListener("changed", wake);
        continue;
      }
      const over = new AbortController();
      const until = AbortSignal.any([signal, over.signal]);
      const ended = this.#all(owned, until);
      this.#work = { over, ended };
      await ended;
      this.#work = undefined;
    }
  }

  async #all(owned: Owned, until: AbortSignal): Promise<void> {
    await Promise.all([
      ...this.#jobs.map((job) => job.during(owned, until)),
      keepWorkers(this.#tables.worker ?? {}, owned.release, this.#context, until),
      aborted(until),
    ]);
  }

  async #clear(): Promise<void> {
    const { units, tell } = this.#context;
    try {
      const left = await units.list(JOB_UNITS);
      await Promise.all(left.map((unit) => units.stop(unit, stopSeconds(this.#tables) + MARGIN)));
      for (const unit of left) await units.reset(unit);
      await endWorkers(units, stopSeconds(this.#tables));
    } catch (error) {
      tell(`jobs of an earlier agent: ${messageOf(error)}`);
    }
  }
}

const LONG_MS = 3_600_000;
/** Seconds. */
const MARGIN = 10;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
