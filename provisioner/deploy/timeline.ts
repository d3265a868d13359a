import type { Clock } from "../../agent/site/clock.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { Progress } from "../operator/terminal.ts";

export interface TimelineStep {
  name: string;
  /** Since the beginning, and how long it took. */
  start: number;
  seconds: number;
  state: "done" | "failed";
  detail?: string;
}

/** The steps of a command as they go: shown on the terminal, kept for the result. */
export class Timeline {
  readonly steps: TimelineStep[] = [];
  readonly #began: number;
  readonly #progress: Progress;
  readonly #clock: Clock;

  constructor(progress: Progress, clock: Clock) {
    this.#progress = progress;
    this.#clock = clock;
    this.#began = clock.now();
  }

  get seconds(): number {
    return round((this.#clock.now() - this.#began) / 1000);
  }

  /** `run` may give one line about what it did. */
  async step<T>(name: string, run: (detail: (text: string) => void) => Promise<T>): Promise<T> {
    const start = this.seconds;
    let detail: string | undefined;
    const ended = (state: TimelineStep["state"]): number => {
      const seconds = round(this.seconds - start);
      this.steps.push({ name, start, seconds, state, ...omitUndefined({ detail }) });
      return seconds;
    };
    this.#progress.begin(name);
    try {
      const value = await run((text) => {
        detail = text;
      });
      this.#progress.done(name, ended("done"), detail);
      return value;
    } catch (error) {
      this.#progress.failed(name, ended("failed"));
      throw error;
    }
  }
}

const round = (seconds: number): number => Math.round(seconds * 100) / 100;
