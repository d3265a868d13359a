/** What the processors of this machine have done, by the kernel's own books. */
import { readFileSync } from "node:fs";
import type { Clock } from "../site/clock.ts";

/** Seconds, of all processors together, since the machine started. */
export interface ProcessorTime {
  /** Spent on work. */
  busy: number;
  /** Kept from it by the host though there was work: so a burstable machine is held to its baseline. */
  stolen: number;
}

/** The kernel's unit in /proc, the same on all of its architectures that EC2 has (sysconf(3), _SC_CLK_TCK). */
const TICKS = 100;

/** Reads /proc/stat (proc_stat(5)); gives nothing when it is not of its form. */
export function processorTime(stat: string): ProcessorTime {
  const line = /^cpu +(.*)$/m.exec(stat)?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(" ").map(Number);
  return { busy: (user + nice + system + irq + softirq) / TICKS, stolen: steal / TICKS };
}

/** Seconds since pid 1 started. @param stat of /proc/1/stat (proc_pid_stat(5)). @param uptime of /proc/uptime. */
export function machineAge(stat: string, uptime: string): number {
  // The name of the program, in brackets, may hold anything.
  const started = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  return Number(uptime.split(" ")[0]) - started / TICKS;
}

export interface Processor {
  time(): ProcessorTime;
  /** Seconds since the machine started. */
  age(): number;
}

/** This machine's. */
export const thisProcessor: Processor = {
  time: () => processorTime(readFileSync("/proc/stat", "latin1")),
  age: () => machineAge(readFileSync("/proc/1/stat", "latin1"), readFileSync("/proc/uptime", "latin1")),
};

/** No deadline grows more than tenfold: a t3.nano that has spent its credits gets a tenth of one processor. */
const LEAST = 0.1;
/** Seconds stolen that a look may still count for those after it: the books may be behind. */
const CARRIED = 2;
/** Milliseconds over which slowness is measured, at least. */
const WINDOW_MS = 3_000;

/** Milliseconds; what is left shrinks with each try, and would do so forever. */
const LEAST_SLEEP_MS = 100;

/** A clock on which time counts only as far as the machine had its processors. */
export interface PatientClock extends Clock {
  /** How often as long as with its processors the machine takes now: 1 to 10. */
  slowness(): number;
}

/**
 * For deadlines of what the machine does itself: time in which its processors were kept from it does not count, but
 * for a tenth. Its `now` is of no calendar. @param clock runs evenly.
 */
export function patientClock(clock: Clock, processor: Pick<Processor, "time">): PatientClock {
  let at = clock.now();
  let stolen = processor.time().stolen;
  let counted = at;
  let carried = 0;
  let since = { at, counted };
  let before = since;
  const now = (): number => {
    const elapsed = clock.now() - at;
    const total = processor.time().stolen;
    const kept = carried + (total - stolen) * 1000;
    const left = Math.min(kept, elapsed * (1 - LEAST));
    carried = Math.min(kept - left, CARRIED * 1000);
    counted += elapsed - left;
    at += elapsed;
    stolen = total;
    if (at - since.at >= WINDOW_MS) {
      before = since;
      since = { at, counted };
    }
    return counted;
  };
  return {
    now,
    slowness() {
      now();
      const elapsed = at - before.at;
      return elapsed < WINDOW_MS ? 1 : Math.min(1 / LEAST, elapsed / (counted - before.counted));
    },
    async sleep(ms, signal) {
      const until = now() + ms;
      await clock.sleep(ms, signal);
      for (let left = until - now(); left > 0; left = until - now()) {
        await clock.sleep(Math.max(left, LEAST_SLEEP_MS), signal);
      }
    },
  };
}
