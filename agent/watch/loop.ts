import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import type { Rounds } from "../system/rounds.ts";
import type { WatchEvent } from "./events.ts";
import type { Knock } from "./knock.ts";

/** Watches one thing. What it has reported once it does not report again. */
export interface Watcher {
  name: string;
  everySeconds: number;
  /** Ends its pauses early. */
  knock?: Knock | undefined;
  /** @returns what is new. @throws when it could not look: that is never taken for an event. */
  look(): Promise<WatchEvent[]>;
}

export interface WatchOptions {
  clock: Clock;
  /** Each watcher is one of them, and whatever reacts to what it saw. */
  rounds: Rounds;
  signal: AbortSignal;
  onEvent(event: WatchEvent): Promise<void>;
  /** A watcher could not look (`message`), or can again (undefined). Called at each change, not at each look. */
  onTrouble(watcher: string, message: string | undefined): void;
}

/**
 * Runs the watchers side by side until the signal is aborted. No failure of one ends it or holds up another.
 * Events reach `onEvent` in the order seen, one at a time.
 */
export async function watch(watchers: readonly Watcher[], options: WatchOptions): Promise<void> {
  const { rounds, signal } = options;
  let queue: Promise<void> = Promise.resolve();
  const tell = (event: WatchEvent): void => {
    const what = `reaction to ${event.kind}`;
    queue = queue.then(async () => {
      const member = rounds.join(what);
      await options.onEvent(event).catch((error: unknown) => options.onTrouble(what, messageOf(error)));
      member.leave();
    });
  };
  const run = async (watcher: Watcher): Promise<void> => {
    const member = rounds.join(watcher.name);
    const clock = member.on(options.clock);
    let trouble: string | undefined;
    while (!signal.aborted) {
      try {
        for (const event of await watcher.look()) tell(event);
        if (trouble !== undefined) options.onTrouble(watcher.name, undefined);
        trouble = undefined;
      } catch (error) {
        const message = messageOf(error);
        if (message !== trouble) options.onTrouble(watcher.name, message);
        trouble = message;
      }
      const pause = watcher.everySeconds * 1000;
      if (watcher.knock === undefined) await clock.sleep(pause, signal).catch(() => undefined);
      else await watcher.knock.pause(clock, pause, signal);
    }
    member.leave();
  };
  await Promise.all(watchers.map(run));
  await queue;
}
