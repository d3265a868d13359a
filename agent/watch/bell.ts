import type { Clock } from "../site/clock.ts";
import { keys } from "../site/names.ts";
import type { ObjectStore } from "../site/store.ts";
import type { WatchEvent } from "./events.ts";
import type { Watcher } from "./loop.ts";

/** Seconds between two looks at the bell. */
const BELL_SECONDS = 5;
/** Between two looks at everything: a bell may have been rung late, by an everspot that knew none, or not at all. */
const ANYWAY_SECONDS = 60;

/** What is looked at when the bell was rung. */
export type Belled = Pick<Watcher, "look">;

/** Seconds until the next look; `all`: at everything, rung or not. */
export interface Pace {
  seconds: number;
  all: boolean;
}

/**
 * Looks at the bucket with one HEAD, and has others look only when something was written there for them (site/runs/bell.ts),
 * when something is expected, or once a minute. Where the bell cannot be read, all look each time.
 * @param expected undefined: nothing.
 */
export function bellWatcher(
  store: ObjectStore,
  clock: Clock,
  others: readonly Belled[],
  expected: () => Pace | undefined,
): Watcher {
  let heard: string | undefined;
  const looked = new Map<Belled, number>();
  return {
    name: "bucket",
    get everySeconds() {
      return expected()?.seconds ?? BELL_SECONDS;
    },
    async look() {
      const now = clock.now();
      let trouble: { cause: unknown } | undefined;
      const note = (cause: unknown): undefined => {
        trouble ??= { cause };
      };
      const etag = await store.head(keys.bell).then((found) => found?.etag, note);
      const rung = trouble !== undefined || etag !== heard;
      heard = etag;
      if (rung || expected()?.all) looked.clear();
      const events: WatchEvent[] = [];
      for (const other of others) {
        const last = looked.get(other);
        if (last !== undefined && now - last < ANYWAY_SECONDS * 1000) continue;
        try {
          events.push(...(await other.look()));
          looked.set(other, now);
        } catch (cause) {
          // It is asked again at the next look, as it was not at this one.
          note(cause);
        }
      }
      // What was seen must reach whoever waits for it; trouble that goes on is reported the next time.
      if (trouble !== undefined && events.length === 0) throw trouble.cause;
      return events;
    },
  };
}

/** What serves both expectations. */
export function quicker(one: Pace | undefined, other: Pace | undefined): Pace | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { seconds: Math.min(one.seconds, other.seconds), all: one.all || other.all };
}
