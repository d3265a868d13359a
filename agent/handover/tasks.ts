import type { Logger } from "pino";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import type { Rounds } from "../system/rounds.ts";

export interface TasksContext {
  clock: Clock;
  rounds: Rounds;
  log: Logger;
  /** Ends the whole duty: what fails after it is aborted is not worth a word. */
  signal: AbortSignal;
}

/** What an instance does in its role, side by side: none of them ends another by failing. */
export class Tasks {
  readonly #context: TasksContext;
  readonly #running = new Set<Promise<void>>();

  constructor(context: TasksContext) {
    this.#context = context;
  }

  /** Resolves when all have ended, which they do by their own signals; never rejects. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  run(what: string, task: () => Promise<void>): void {
    const one: Promise<void> = task()
      .catch((error: unknown) => {
        if (!this.#context.signal.aborted) this.#context.log.debug(`${what}: ${messageOf(error)}`);
      })
      .finally(() => this.#running.delete(one));
    this.#running.add(one);
  }

  /** Repeats until it returns false, even after trouble, which is logged when it changes. */
  every(seconds: number, what: string, signal: AbortSignal, once: (clock: Clock) => Promise<boolean>): void {
    const { rounds, log } = this.#context;
    const member = rounds.join(what);
    const clock = member.on(this.#context.clock);
    let trouble: string | undefined;
    this.run(what, async () => {
      try {
        while (!signal.aborted) {
          try {
            if (!(await once(clock))) return;
            trouble = undefined;
          } catch (error) {
            if (signal.aborted) return;
            if (messageOf(error) !== trouble) log.warn(`${what}: ${messageOf(error)}`);
            trouble = messageOf(error);
          }
          await clock.sleep(seconds * 1000, signal).catch(() => undefined);
        }
      } finally {
        member.leave();
      }
    });
  }
}
