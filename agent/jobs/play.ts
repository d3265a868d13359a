import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StateKeeper } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import type { EndedJob } from "../site/jobs/documents.ts";
import { renderEnvironment } from "../system/environment-file.ts";
import { writeAtomic } from "../system/files.ts";
import { jobName, jobUnit } from "../system/paths.ts";
import type { StartTransient } from "../system/transient.ts";
import type { Units } from "../system/units.ts";
import { shipped } from "./shipped.ts";
import { settingsOf } from "./surroundings.ts";

/** A part of the machine's memory, where the job names none: the app goes on beside it, in the same slice. */
export const MEMORY = "40%";
/** Seconds on top of a unit's own time to stop. */
const STOP_MARGIN = 10;
/** A shell adds this to the signal that ended a program. */
const SIGNALLED = 128;

/** What a job is run with. */
export interface PlayContext {
  clock: Clock;
  units: Pick<Units, "state" | "stop" | "reset">;
  start: StartTransient;
  /** What this instance has of the site now. */
  owned(): { epoch: number; release: string } | undefined;
  /** Folders: of releases and environment files; and the socket of a release's app. */
  places: { releases: string; environment: string; appSocket(release: string): string };
  /** Where an answer waits for the bucket, the end of a job does, too; undefined: it does not. */
  state: Pick<StateKeeper, "status"> | undefined;
}

/** What is run. */
export interface Played {
  name: string;
  run: string;
  /** Seconds. */
  timeout: number;
  stop: number;
  memory?: number | undefined;
}

/** Seconds after its begin when it is over for sure. */
export const longest = ({ timeout, stop }: Pick<Played, "timeout" | "stop">): number =>
  timeout + stop + 2 * STOP_MARGIN;

export type End = Pick<EndedJob, "how" | "exitCode" | "seconds" | "reason">;

/** One run of a job as a unit of its own, from its start to its end. */
export class Play {
  readonly #context: PlayContext;
  readonly #job: Played;
  readonly #owned: { epoch: number; release: string };
  readonly #unit: string;
  readonly #over = new AbortController();
  #stopping: string | undefined;
  #started = false;

  constructor(context: PlayContext, job: Played, owned: { epoch: number; release: string }) {
    this.#context = context;
    this.#job = job;
    this.#owned = owned;
    this.#unit = jobUnit(job.name, owned.release);
  }

  /** Tells it to end (SIGTERM); it is killed when its time to stop is over. Waits for nothing. The first reason counts. */
  stop(reason: string): void {
    const first = this.#stopping === undefined;
    this.#stopping ??= reason;
    if (first) void this.#ended();
  }

  /** Never rejects. */
  async carry(): Promise<End> {
    const { release } = this.#owned;
    const { clock, places, start, units } = this.#context;
    const { name, run, timeout, memory, stop } = this.#job;
    const began = clock.now();
    const file = join(places.environment, `${jobName(name)}.env`);
    try {
      const settings = await settingsOf(
        join(places.environment, `${release}.env`),
        places.appSocket(release),
      );
      await mkdir(places.environment, { recursive: true });
      await writeAtomic(file, renderEnvironment({ ...settings, EVERSPOT_JOB: name }), 0o600);
      if (this.#stopping !== undefined) return { how: "interrupted", seconds: 0, reason: this.#stopping };
      // One of this name that failed would be in the way.
      await units.reset(this.#unit);
      const command = start({
        ...{ unit: this.#unit, description: `The job ${name}`, words: ["/bin/sh", "-c", run] },
        ...{
          seconds: timeout,
          stop,
          memory: memory === undefined ? MEMORY : `${memory}M`,
          output: "journal",
        },
      });
      this.#started = true;
      for (const output of [command.stdout, command.stderr]) output.resume();
      command.stdin.end();
      const code = await command.ended;
      const outcome = await this.#outcome(code);
      return { ...outcome, seconds: Math.round((clock.now() - began) / 100) / 10 };
    } catch (error) {
      this.stop(String(error));
      return { how: "failed", seconds: 0, reason: String(error) };
    } finally {
      this.#over.abort();
      await rm(file, { force: true }).catch(() => undefined);
    }
  }

  /** A unit that systemd is about to start is none yet. */
  async #ended(): Promise<void> {
    const { units, clock } = this.#context;
    const { signal } = this.#over;
    while (!signal.aborted) {
      if (this.#started) await units.stop(this.#unit, this.#job.stop + STOP_MARGIN).catch(() => undefined);
      await clock.sleep(500, signal).catch(() => undefined);
    }
  }

  async #outcome(code: number): Promise<Omit<End, "seconds">> {
    const { units, clock, owned, state } = this.#context;
    const { result } = await units.state(this.#unit).catch(() => ({ result: "unknown" }));
    await units.reset(this.#unit);
    const { timeout, memory } = this.#job;
    if (this.#stopping === undefined && code >= SIGNALLED) {
      // Whoever ends it may be taking the site away, and this agent hears of it only now.
      await clock.sleep(1000);
      if (owned()?.epoch !== this.#owned.epoch) this.#stopping = "the site went to another instance";
    }
    if (code === 0) {
      if (state === undefined || (await shipped(state, clock))) return { how: "done", exitCode: 0 };
      return { how: "interrupted", reason: "what it wrote did not come into the bucket" };
    }
    if (this.#stopping !== undefined)
      return { how: "interrupted", exitCode: exit(code), reason: this.#stopping };
    if (result === "timeout") return { how: "timeout", reason: `it took longer than ${timeout} s` };
    if (result === "oom-kill") {
      return {
        how: "memory",
        reason: `it needed more than ${memory === undefined ? MEMORY : `${memory} MB`} of memory`,
      };
    }
    return { how: "failed", exitCode: exit(code) };
  }
}

const exit = (code: number): number => Math.min(255, Math.max(0, code));
