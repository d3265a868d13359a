import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { type ClientOptions, failed, type Sample } from "./sample.ts";

/** A visitor at work. */
export interface Visitor {
  name: string;
  samples: readonly Sample[];
  /** Waits for the first sample that fits; undefined after `seconds`. */
  first(fits: (sample: Sample) => boolean, seconds: number): Promise<Sample | undefined>;
  stop(): Promise<void>;
}

/** What a visitor's samples come to. */
export interface Requests {
  total: number;
  failed: number;
  /** Longest time between two answered requests that follow each other, by when they were sent. */
  longestGapSeconds: number;
  /** How often each error or status of a failed request was seen. */
  failures: Record<string, number>;
}

export function startVisitor(options: ClientOptions, env: NodeJS.ProcessEnv): Visitor {
  const samples: Sample[] = [];
  const waiting = new Set<(sample: Sample) => void>();
  const script = path.join(import.meta.dirname, "client.ts");
  const child = execa(process.execPath, [...process.execArgv, script, JSON.stringify(options)], {
    env,
    buffer: false,
    stdin: "ignore",
    stderr: "inherit",
    reject: false,
  });
  const lines = createInterface({ input: child.stdout });
  const drained = once(lines, "close");
  lines.on("line", (line) => {
    const sample = JSON.parse(line) as Sample;
    samples.push(sample);
    for (const tell of waiting) tell(sample);
  });
  return {
    name: options.name,
    samples,
    first: (fits, seconds) =>
      new Promise((resolve) => {
        const past = samples.find(fits);
        if (past !== undefined) return resolve(past);
        const done = (sample?: Sample) => {
          clearTimeout(timer);
          waiting.delete(tell);
          resolve(sample);
        };
        const tell = (sample: Sample) => {
          if (fits(sample)) done(sample);
        };
        const timer = setTimeout(done, seconds * 1000);
        waiting.add(tell);
      }),
    async stop() {
      child.kill("SIGTERM");
      await Promise.all([child, drained]);
      samples.sort((a, b) => a.at - b.at);
    },
  };
}

export function summarise(samples: readonly Sample[]): Requests {
  const failures: Record<string, number> = {};
  let last: number | undefined;
  let gap = 0;
  for (const sample of [...samples].sort((a, b) => a.at - b.at)) {
    if (failed(sample)) {
      const what = sample.error ?? `HTTP ${sample.status}`;
      failures[what] = (failures[what] ?? 0) + 1;
      continue;
    }
    if (last !== undefined) gap = Math.max(gap, sample.at - last);
    last = sample.at;
  }
  return {
    total: samples.length,
    failed: Object.values(failures).reduce((a, b) => a + b, 0),
    longestGapSeconds: Math.round(gap) / 1000,
    failures,
  };
}
