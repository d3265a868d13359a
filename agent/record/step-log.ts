import { type BootStep, type Phase, stepLabel } from "../site/boot-record.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { omitUndefined } from "../site/omit-undefined.ts";
import type { StepObserver } from "./graph.ts";

const MAX_LINES = 40;
const MAX_LINE = 500;

/** The steps of a boot record, as they go. */
export class StepLog {
  #steps: BootStep[];
  readonly #now: () => number;
  readonly #changed: () => void;

  /**
   * @param steps done before.
   * @param now seconds since the boot began.
   * @param changed called at every change.
   */
  constructor(steps: readonly BootStep[], now: () => number, changed: () => void) {
    this.#steps = [...steps];
    this.#now = () => round(now());
    this.#changed = changed;
  }

  get steps(): readonly BootStep[] {
    return this.#steps;
  }

  /** Drops the steps of these phases: they begin again. */
  forget(...phases: readonly Phase[]): void {
    this.#steps = this.#steps.filter((s) => !phases.includes(s.phase));
    this.#changed();
  }

  /** Writes down the steps of a phase. @param warn gets what a person should know. */
  of(phase: Phase, warn: (text: string) => void): StepObserver {
    return {
      started: ({ name, needs, ownCode }) => {
        this.#steps = this.#steps.filter((s) => s.phase !== phase || s.name !== name);
        const own = ownCode ? { ownCode } : {};
        this.#steps.push({ phase, name, needs: [...needs], start: this.#now(), state: "running", ...own });
        this.#changed();
      },
      detail: (name, text) => this.#note(phase, name, { detail: text }),
      warned: (name, text) => warn(`${stepLabel({ phase, name })}: ${text}`),
      done: (name) => this.#end(phase, name, { state: "done" }),
      failed: (name, error) => this.#end(phase, name, { state: "failed", ...whatFailed(error) }),
      stopped: (name) => this.#end(phase, name, { state: "stopped" }),
    };
  }

  /** A finished step in one line. */
  describe(phase: Phase, name: string): string {
    const found = this.#find(phase, name);
    const detail = found?.detail === undefined ? "" : `: ${found.detail}`;
    return `${stepLabel({ phase, name })}${detail} (${found?.seconds ?? "?"} s)`;
  }

  #find(phase: Phase, name: string): BootStep | undefined {
    return this.#steps.find((s) => s.phase === phase && s.name === name);
  }

  #end(phase: Phase, name: string, fields: Partial<BootStep>): void {
    const start = this.#find(phase, name)?.start ?? this.#now();
    this.#note(phase, name, { ...fields, seconds: round(this.#now() - start) });
  }

  #note(phase: Phase, name: string, fields: Partial<BootStep>): void {
    const found = this.#find(phase, name);
    if (found !== undefined) Object.assign(found, fields);
    this.#changed();
  }
}

function whatFailed(error: unknown): Pick<BootStep, "error" | "hint" | "lines"> {
  const known = error instanceof EverspotError ? error : undefined;
  const lines = known?.lines.slice(-MAX_LINES).map((line) => line.slice(0, MAX_LINE));
  return {
    error: known?.resource === undefined ? messageOf(error) : `${messageOf(error)} (${known.resource})`,
    ...omitUndefined({ hint: known?.hint, lines: lines?.length === 0 ? undefined : lines }),
  };
}

/** Milliseconds are enough. */
const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;
