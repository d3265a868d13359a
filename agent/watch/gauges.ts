import { readFile } from "node:fs/promises";
import { diskUsed } from "../system/disk.ts";
import { paths } from "../system/paths.ts";
import { type Answers, answersIn } from "./answers.ts";

/** What is looked at. */
export interface Gauges {
  /** Percent used. */
  disk(): Promise<number>;
  /** Processes killed for lack of memory since the site's slice began. */
  killed(): Promise<number>;
  /** Since the last look. */
  answers(): Promise<Answers>;
}

/** In the cgroup of all that runs the site's code (user-data/units, everspot-app.slice); the kernel's cgroup-v2, memory.events. */
const MEMORY_EVENTS = "/sys/fs/cgroup/everspot.slice/everspot-app.slice/memory.events";

/** This machine's. */
export const gauges = (): Gauges => ({
  disk: () => diskUsed("/"),
  killed: async () => killsIn(await readFile(MEMORY_EVENTS, "utf8").catch(() => "")),
  answers: answersIn(paths.answers),
});

/** Whichever of the kernel's killers it was. */
export const killsIn = (events: string): number => Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
