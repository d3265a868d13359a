import type { Clock } from "../site/clock.ts";
import type { Supervisor } from "./supervisor.ts";

/** Seconds between two words to the supervisor, at least; the unit's WatchdogSec is much longer. */
const EVERY_SECONDS = 20;
/** Seconds that a wake-up may be late: a machine without processor credits is slow. */
const LATE_SECONDS = 60;
/** Seconds after which a log line names what keeps the supervisor from hearing that all is well. */
const TELL_SECONDS = 60;

/** One of those that are to keep going: a watcher, a duty, the boot. */
export interface Member {
  /** A clock for whatever it does: each sleep on it is the end of a piece of work, and no sign of trouble. */
  on(clock: Clock): Clock;
  /** It is done. */
  leave(): void;
}

interface State {
  name: string;
  /** Milliseconds it may be at one piece of work before that keeps the supervisor from hearing anything. */
  patience: number;
  /** Since when it has been at it. */
  since: number;
  /** Whether a piece of work has ended since the supervisor last heard. */
  turned: boolean;
  /** When each of its sleeps ends. */
  sleeps: Set<{ until: number }>;
  reported: boolean;
}

/** The kernel's monotonic clock, as timers use it: a machine that sets its time makes nothing late. */
const steady: Pick<Clock, "now"> = { now: () => performance.now() };

/**
 * Tells the supervisor that all is well, each time a piece of work has ended while none is stuck:
 * everybody else has ended one since the last time, or sleeps and is not overdue, or is within its patience. There is
 * no timer here on purpose: that one would go on while everybody hangs.
 */
export class Rounds {
  readonly #supervisor: Supervisor;
  readonly #clock: Pick<Clock, "now">;
  readonly #onStuck: (name: string, seconds: number) => void;
  readonly #members = new Set<State>();
  #heard = Number.NEGATIVE_INFINITY;

  constructor(
    supervisor: Supervisor = { alive: async () => {} },
    onStuck: (name: string, seconds: number) => void = () => {},
    clock: Pick<Clock, "now"> = steady,
  ) {
    this.#supervisor = supervisor;
    this.#onStuck = onStuck;
    this.#clock = clock;
  }

  /** @param patience seconds that a piece of its work may well take. */
  join(name: string, patience = 0): Member {
    const state: State = {
      ...{ name, patience: patience * 1000, since: this.#clock.now() },
      ...{ turned: false, sleeps: new Set(), reported: false },
    };
    this.#members.add(state);
    return {
      on: (clock) => ({
        now: () => clock.now(),
        sleep: async (ms, signal) => {
          const sleep = { until: this.#clock.now() + ms };
          state.sleeps.add(sleep);
          state.turned = true;
          state.reported = false;
          this.#tell();
          try {
            await clock.sleep(ms, signal);
          } finally {
            state.sleeps.delete(sleep);
            state.since = this.#clock.now();
          }
        },
      }),
      leave: () => {
        this.#members.delete(state);
        if (this.#members.size > 0) this.#tell();
      },
    };
  }

  #tell(): void {
    const now = this.#clock.now();
    if (now - this.#heard < EVERY_SECONDS * 1000) return;
    const stuck = [...this.#members].filter((one) => !isWell(one, now));
    for (const one of stuck) {
      const seconds = Math.round((now - one.since) / 1000);
      if (seconds < TELL_SECONDS || one.reported) continue;
      one.reported = true;
      this.#onStuck(one.name, seconds);
    }
    if (stuck.length > 0) return;
    this.#heard = now;
    for (const one of this.#members) one.turned = false;
    void this.#supervisor.alive();
  }
}

function isWell({ patience, since, turned, sleeps }: State, now: number): boolean {
  if (turned) return true;
  if (sleeps.size > 0) return [...sleeps].some(({ until }) => now <= until + LATE_SECONDS * 1000);
  return now <= since + patience;
}
