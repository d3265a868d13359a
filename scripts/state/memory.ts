import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** Megabytes (2^20 bytes) of a process. `private`: of its own, not shared with others of the same program. */
export interface Memory {
  resident: number;
  private: number;
}

/** Milliseconds between two looks. */
const EVERY = 25;
/** Bytes that the kernel counts memory by, where everspot runs. */
const PAGE = 4096;

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

/**
 * The most that a process has resident, from now until it ends or no one looks any more, in megabytes. A look costs neither
 * of the two anything: `smaps_rollup` walks through all of the memory while the process waits.
 */
export class Peak {
  most = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number | undefined) {
    this.#timer = setInterval(() => {
      try {
        const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
        this.most = Math.max(this.most, (pages * PAGE) / 2 ** 20);
      } catch {
        this.stop();
      }
    }, EVERY);
  }

  stop(): number {
    clearInterval(this.#timer);
    return this.most;
  }
}
