import { readFile } from "node:fs/promises";
import { diskUsed } from "../system/disk.ts";
import type { WatchEvent } from "./events.ts";
import type { Watcher } from "./loop.ts";

/** Percent used at which a person should know. Reported once until it has fallen below again. */
const LIMIT = 90;

/** Percent of memory that is not available (proc(5), MemAvailable). */
export function memoryUsed(meminfo: string): number {
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0);
  const total = of("MemTotal");
  return total === 0 ? 0 : Math.round((100 * (total - of("MemAvailable"))) / total);
}

export function pressureWatcher(
  read: { disk(): Promise<number>; memory(): Promise<number> } = {
    disk: () => diskUsed("/"),
    memory: async () => memoryUsed(await readFile("/proc/meminfo", "utf8")),
  },
): Watcher {
  const high = new Set<string>();
  return {
    name: "pressure",
    everySeconds: 60,
    async look() {
      const events: WatchEvent[] = [];
      for (const of of ["disk", "memory"] as const) {
        const usedPercent = await read[of]();
        if (usedPercent < LIMIT) high.delete(of);
        else if (!high.has(of)) {
          high.add(of);
          events.push({ kind: "pressure", of, usedPercent });
        }
      }
      return events;
    },
  };
}
