import { type Clock, systemClock } from "./clock.ts";
import { EverspotError } from "./errors.ts";

/** What one look found: the value looked for, or a description of what there is instead. */
export type Look<T> = { done: T } | { waiting: string };

/**
 * Looks until something is there. The delay never outlasts the deadline, and there is always a last look.
 * @throws EverspotError (retry) at the deadline, quoting the last state seen; whatever `look` throws.
 */
export async function poll<T>(
  what: string,
  look: () => Promise<Look<T>>,
  options: {
    seconds: number;
    everySeconds: number | (() => number);
    hint?: string | undefined;
    signal?: AbortSignal | undefined;
    clock?: Clock | undefined;
  },
): Promise<T> {
  const clock = options.clock ?? systemClock;
  const { everySeconds } = options;
  const every = typeof everySeconds === "number" ? () => everySeconds : everySeconds;
  const deadline = clock.now() + options.seconds * 1000;
  for (;;) {
    options.signal?.throwIfAborted();
    const seen = await look();
    if ("done" in seen) return seen.done;
    const left = deadline - clock.now();
    if (left <= 0) {
      throw new EverspotError(`${what}: not after ${options.seconds} s; last seen: ${seen.waiting}`, {
        retry: "retry",
        hint: options.hint,
      });
    }
    await clock.sleep(Math.min(every() * 1000, left), options.signal);
  }
}
