import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";

/** Milliseconds of CLOCK_MONOTONIC, as the writer's. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Writes rows to a database beside whoever keeps it, at a pace; their table is `rows`, with a number `n`. */
export class Writer {
  /** When each row was committed, by its number; milliseconds of `monotonic`. */
  readonly committed = new Map<number, number>();
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #read: Promise<unknown>;

  /** @param pace commits a second. */
  constructor(database: string, pace: number) {
    const script = path.join(import.meta.dirname, "writer.py");
    const writer = spawn("/usr/bin/python3", [script, database, String(pace)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = writer;
    this.#ended = once(writer, "exit");
    const lines = createInterface({ input: writer.stdout }).on("line", (line) => {
      const [n = 0, ms = 0] = line.split(" ").map(Number);
      this.committed.set(n, ms);
    });
    this.#read = once(lines, "close");
  }

  /** @returns when each row was committed. */
  async end(): Promise<ReadonlyMap<number, number>> {
    this.#process.kill("SIGKILL");
    await Promise.all([this.#ended, this.#read]);
    return this.committed;
  }
}
