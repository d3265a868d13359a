import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import { renderEnvironment } from "../system/environment-file.ts";
import { writeAtomic } from "../system/files.ts";
import { WORKER_UNITS, workerName, workerUnit } from "../system/paths.ts";
import type { StartLasting } from "../system/transient.ts";
import type { Units } from "../system/units.ts";
import { MEMORY, type PlayContext } from "./play.ts";
import { settingsOf } from "./surroundings.ts";

const LOOK_SECONDS = 20;
/** Seconds on top of a unit's own time to stop. */
const STOP_MARGIN = 10;
/** So often within so many seconds is no accident any more. */
const OFTEN = { times: 5, seconds: 600 };

/** A worker as everspot.toml has it. */
export interface WorkerConfig {
  run: string;
  stop: number;
  memory?: number | undefined;
}

/** As the boot record has it. */
export interface WorkerSeen {
  name: string;
  /** "active", "activating" … as systemd has it. */
  state: string;
  /** How often it was started again since it began. */
  restarts: number;
}

export interface WorkersContext extends Pick<PlayContext, "places"> {
  clock: Clock;
  units: Pick<Units, "state" | "stop" | "reset" | "list">;
  startLasting: StartLasting;
  /** For the boot record. */
  seen(workers: WorkerSeen[]): void;
  tell(text: string): void;
  alarm(worker: string, text: string): void;
  calm(worker: string, text: string): void;
}

/** The commands of `[worker.NAME]`: they run as long as the signal allows, and are down when this returns. Never rejects. */
export async function keepWorkers(
  workers: Readonly<Record<string, WorkerConfig>>,
  release: string,
  context: WorkersContext,
  signal: AbortSignal,
): Promise<void> {
  const names = Object.keys(workers);
  if (names.length === 0) return;
  const { clock, units, seen, tell } = context;
  const often = new Often(context);
  let last = "";
  let trouble: string | undefined;
  while (!signal.aborted) {
    try {
      const all: WorkerSeen[] = [];
      for (const [name, worker] of Object.entries(workers)) {
        if (!signal.aborted) all.push(await keep(name, worker, release, context));
      }
      for (const one of all) often.note(one);
      if (JSON.stringify(all) !== last) seen(all);
      last = JSON.stringify(all);
      trouble = undefined;
    } catch (error) {
      if (messageOf(error) !== trouble) tell(`workers: ${messageOf(error)}`);
      trouble = messageOf(error);
    }
    await clock.sleep(LOOK_SECONDS * 1000, signal).catch(() => undefined);
  }
  const longest = Math.max(...Object.values(workers).map(({ stop }) => stop));
  await endWorkers(units, longest).catch((error: unknown) => tell(`workers: ${messageOf(error)}`));
  seen([]);
}

/** Ends whatever workers there are, also those of another release, or of an agent before this one. */
export async function endWorkers(units: Pick<Units, "stop" | "list">, stop: number): Promise<void> {
  const found = await units.list(WORKER_UNITS);
  await Promise.all(found.map((unit) => units.stop(unit, stop + STOP_MARGIN)));
}

/** It runs, or is about to. */
async function keep(
  name: string,
  { run, stop, memory }: WorkerConfig,
  release: string,
  { units, places, startLasting, tell }: WorkersContext,
): Promise<WorkerSeen> {
  const unit = workerUnit(name, release);
  const { active, restarts } = await units.state(unit);
  if (active !== "inactive" && active !== "failed") return { name, state: active, restarts };
  const settings = await settingsOf(join(places.environment, `${release}.env`), places.appSocket(release));
  await mkdir(places.environment, { recursive: true });
  const file = join(places.environment, `${workerName(name)}.env`);
  await writeAtomic(file, renderEnvironment({ ...settings, EVERSPOT_WORKER: name }), 0o600);
  await units.reset(unit);
  await startLasting({
    ...{ unit, description: `The worker ${name}`, words: ["/bin/sh", "-c", run], stop },
    memory: memory === undefined ? MEMORY : `${memory}M`,
  });
  tell(`the worker ${name} began`);
  return { name, state: "active", restarts: 0 };
}

/** Says once that a worker ends again and again, and once that it does no more. */
class Often {
  readonly #context: Pick<WorkersContext, "clock" | "alarm" | "calm" | "tell">;
  readonly #restarts = new Map<string, { at: number; count: number }[]>();
  readonly #reported = new Set<string>();

  constructor(context: Pick<WorkersContext, "clock" | "alarm" | "calm" | "tell">) {
    this.#context = context;
  }

  note({ name, restarts }: WorkerSeen): void {
    const { clock, alarm, calm, tell } = this.#context;
    const now = clock.now();
    const before = (this.#restarts.get(name) ?? []).filter(({ at }) => now - at <= OFTEN.seconds * 1000);
    const all = [...before, { at: now, count: restarts }];
    this.#restarts.set(name, all);
    const times = restarts - (all[0]?.count ?? restarts);
    if (times >= OFTEN.times && !this.#reported.has(name)) {
      this.#reported.add(name);
      const text = `the worker ${name} ended ${times} times within ${Math.round((now - (all[0]?.at ?? now)) / 1000)} s`;
      tell(text);
      alarm(name, text);
    } else if (times === 0) {
      const text = `the worker ${name} goes on`;
      if (this.#reported.delete(name)) tell(text);
      // An earlier instance may have said it.
      calm(name, text);
    }
  }
}
