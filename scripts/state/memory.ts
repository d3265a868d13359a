import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** Megabytes (2^20 bytes) of a process. `private`: of its own, not shared with others of the same program. */
export interface Memory {
  resident: number;
  private: number;
}

/** Milliseconds between two looks. */
const EVERY = 25;

export async function memoryOf(pid: number | undefined): Promise<Memory> {
  return memoryIn(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"));
}

function memoryIn(text: string): Memory {
  const of = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(text)?.[1] ?? 0) / 1024;
  return { resident: of("Rss"), private: of("Private_Dirty") };
}

export const larger = (a: Memory, b: Memory): Memory => ({
  resident: Math.max(a.resident, b.resident),
  private: Math.max(a.private, b.private),
});

/** The most that a process has, from now until it ends or no one looks any more. */
export class Peak {
  most: Memory = { resident: 0, private: 0 };
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number | undefined) {
    this.#timer = setInterval(() => {
      try {
        this.most = larger(this.most, memoryIn(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")));
      } catch {
        this.stop();
      }
    }, EVERY);
  }

  stop(): Memory {
    clearInterval(this.#timer);
    return this.most;
  }
}
