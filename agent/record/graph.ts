import { type Clock, systemClock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { DEADLINES, type Kind, withinTime } from "./deadline.ts";

/** What a running step may say about itself and must heed. */
export interface StepContext {
  /** Aborted when another step failed or the agent is asked to stop. */
  signal: AbortSignal;
  /** One line for a person: what was done. The last one stays in the boot record. */
  detail(text: string): void;
  /** What a person should know though the boot goes on. */
  warn(text: string): void;
  /** What needs this step is not to be done, and that is no failure. */
  enough(): void;
}

/**
 * When a failure of a step is the release's fault. `always`: the step runs the release's own code; `when-fatal`: it
 * reads the release, which is unusable unless trying again may help.
 */
export type Blames = "always" | "when-fatal";

/** A step of a graph; as a need of another, it hands over its value. */
export interface Step<T> {
  readonly name: string;
  readonly needs: readonly Step<unknown>[];
  /** Undefined: the release is never to blame. */
  readonly blames?: Blames | undefined;
  /** Given up after that. */
  readonly seconds: number;
  run(values: Values, context: StepContext): Promise<T>;
}

/** What the steps of a run came to. */
export type Values = ReadonlyMap<Step<unknown>, unknown>;

/** The value of a step that is done. */
export function resultOf<T>(values: Values, one: Step<T>): T {
  if (!values.has(one)) throw new Error(`step ${one.name} is not done`);
  return values.get(one) as T;
}

export type Needs = Readonly<Record<string, Step<unknown>>>;
export type ValuesOf<N extends Needs> = { readonly [K in keyof N]: N[K] extends Step<infer T> ? T : never };

/** Called at every change of a step, at once; must not throw. */
export interface StepObserver {
  started(step: StepStart): void;
  detail(step: string, text: string): void;
  warned(step: string, text: string): void;
  done(step: string): void;
  failed(step: string, error: unknown): void;
  /** It was ended because another failed, or from outside. */
  stopped(step: string): void;
}

export interface StepStart {
  name: string;
  /** Names. */
  needs: readonly string[];
  /** Whether it runs the release's own code. */
  ownCode: boolean;
}

/**
 * `run` gets the values of the steps in `needs` under the names used there.
 * @param what its name; with what it takes, if that is more than a few calls: the kind of its deadline, or seconds.
 */
export function step<N extends Needs, T>(
  what: string | { name: string; takes: Kind | number },
  needs: N,
  run: (values: ValuesOf<N>, context: StepContext) => Promise<T>,
  blames?: Blames,
): Step<T> {
  const { name, takes } = typeof what === "string" ? { name: what, takes: "calls" as const } : what;
  return {
    ...{ name, blames },
    seconds: typeof takes === "number" ? takes : DEADLINES[takes],
    needs: Object.values(needs),
    run: (values, context) => run(resultsOf(values, needs), context),
  };
}

/** The values of steps that are done, under the names they have in `needs`. */
export function resultsOf<N extends Needs>(values: Values, needs: N): ValuesOf<N> {
  const named = Object.entries(needs).map(([key, need]) => [key, resultOf(values, need)]);
  return Object.fromEntries(named) as ValuesOf<N>;
}

/** A failure of the release's own code that is not its fault. */
export class Excused extends EverspotError {
  constructor(cause: unknown, hint: string) {
    const lines = cause instanceof EverspotError ? cause.lines : [];
    super(messageOf(cause), { cause, hint, lines, retry: "retry" });
  }
}

/** The failure that ended a graph: which step, and its error as the cause. */
export class StepFailed extends EverspotError {
  readonly step: string;
  /** Why the release is bad; undefined when it is not to blame. */
  readonly blame: string | undefined;

  constructor({ name, blames }: Pick<Step<unknown>, "name" | "blames">, cause: unknown) {
    const known = cause instanceof EverspotError ? cause : undefined;
    super(messageOf(cause), {
      cause,
      resource: known?.resource,
      hint: known?.hint,
      retry: known?.retry,
      lines: known?.lines,
    });
    this.step = name;
    const bad =
      !(cause instanceof Excused) &&
      (blames === "always" || (blames === "when-fatal" && this.retry === "fatal"));
    this.blame = bad ? `${name}: ${this.message}` : undefined;
  }
}

/**
 * Runs every step as soon as all it needs is done, unless one of those said that it is enough. The first failure aborts the rest; the call returns only when
 * no step runs any more, except for those that do not end after their time is up, which are not waited for.
 * @param clock sleeps as long as steps are within their time.
 * @throws StepFailed of the first step that failed; the signal's reason when it was aborted from outside.
 */
export async function runGraph(
  steps: readonly Step<unknown>[],
  observer: StepObserver,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<Values> {
  checkOrder(steps);
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const values = new Map<Step<unknown>, unknown>();
  const running = new Map<Step<unknown>, Promise<boolean>>();
  let first: StepFailed | undefined;

  async function start(one: Step<unknown>): Promise<boolean> {
    const ready = await Promise.all(one.needs.map((need) => running.get(need)));
    if (either.aborted || ready.includes(false)) return false;
    observer.started({
      name: one.name,
      needs: one.needs.map((need) => need.name),
      ownCode: one.blames === "always",
    });
    let goesOn = true;
    try {
      const value = await withinTime(one.seconds, clock, either, (signal) =>
        one.run(values, {
          signal,
          detail: (text) => observer.detail(one.name, text),
          warn: (text) => observer.warned(one.name, text),
          enough: () => {
            goesOn = false;
          },
        }),
      );
      values.set(one, value);
      observer.done(one.name);
      return goesOn;
    } catch (error) {
      // A step that ends because of the abort is not what failed.
      if (either.aborted) {
        observer.stopped(one.name);
        return false;
      }
      observer.failed(one.name, error);
      first = new StepFailed(one, error);
      failure.abort(first);
      return false;
    }
  }

  for (const one of steps) running.set(one, start(one));
  await Promise.all(running.values());
  signal.throwIfAborted();
  if (first !== undefined) throw first;
  return values;
}

/** A step may only need what stands above it: that reads as the order it is, and rules out cycles. */
function checkOrder(steps: readonly Step<unknown>[]): void {
  const above = new Set<Step<unknown>>();
  const names = new Set<string>();
  for (const one of steps) {
    const missing = one.needs.find((need) => !above.has(need));
    if (missing !== undefined)
      throw new Error(`step ${one.name} needs ${missing.name}, which is not above it`);
    if (names.has(one.name)) throw new Error(`two steps are named ${one.name}`);
    above.add(one);
    names.add(one.name);
  }
}
