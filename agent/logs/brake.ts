/** What `[logs] max_mb_per_day` leaves of the lines of a day. Pure. */
import { type Line, sizeOf } from "./batches.ts";
import type { Progress } from "./kept.ts";

const DAY_MS = 86_400_000;
const MEGABYTE = 1_000_000;

export interface Braked {
  lines: Line[];
  day: Progress["day"];
  /** For the log, which tells of them in a line of the agent's. */
  notices: string[];
  /** Whether this is where it began. */
  began: boolean;
}

/** What the agent says goes on: it is little, and it is what is needed when something is wrong. */
const isAgents = ({ stream }: Line): boolean => stream.startsWith("agent/");

export function brake(lines: readonly Line[], before: Progress["day"], now: number, most: number): Braked {
  const date = new Date(now).toISOString().slice(0, 10);
  const notices: string[] = [];
  let day = before;
  if (day.date !== date) {
    if (day.left > 0)
      notices.push(`log: ${day.left} lines of ${day.date} were left out; from here on all are kept again`);
    day = { date, bytes: 0, left: 0 };
  }
  const next = { ...day };
  const kept = lines.filter((line) => {
    const size = sizeOf(line);
    if (!isAgents(line) && (next.left > 0 || next.bytes + size > most * MEGABYTE)) {
      next.left++;
      return false;
    }
    next.bytes += size;
    return true;
  });
  const began = day.left === 0 && next.left > 0;
  if (began) {
    const hours = Math.ceil((DAY_MS - (now % DAY_MS)) / 3600_000);
    notices.push(
      `log: ${most} MB of it were brought into CloudWatch Logs today, as many as [logs] max_mb_per_day allows: until 00:00 UTC, ${hours} h from now at most, only the agent's own lines are`,
    );
  }
  return { lines: kept, day: next, notices, began };
}
