/** Lines out of CloudWatch Logs: the last ones, all since a moment, and those that come. */
import type { Clock } from "../../../agent/site/clock.ts";
import { isPassing } from "../../aws/errors.ts";
import type { LogEvent, LogSearch, Logs } from "../../aws/logs/logs.ts";
import type { Line, WantedLines } from "./wanted.ts";

/** Events of a page: as many as CloudWatch Logs gives. */
const PAGE = 10_000;
/** A clock that is late must not hide the newest. Milliseconds. */
const AHEAD = 3600_000;
/** Seconds between two looks, and milliseconds by which a line may come after later ones. */
const EVERY_SECONDS = 2;
const LATE = 60_000;

/** The last ones, oldest first. */
export async function lastLines(
  logs: Pick<Logs, "search">,
  streams: readonly LogSearch["streams"][],
  wanted: WantedLines & { most: number },
  now: number,
): Promise<{ lines: Line[]; ids: string[] }> {
  const found: { event: LogEvent; line: Line }[] = [];
  for (const one of streams) {
    let count = 0;
    const what = { streams: one, from: wanted.from, until: wanted.until ?? now + AHEAD };
    const size = wanted.sparse ? PAGE : Math.min(PAGE, wanted.most);
    for await (const page of logs.search({ ...what, order: "newest first" }, size)) {
      for (const event of page) {
        const line = count < wanted.most ? wanted.match(event) : undefined;
        if (line === undefined) continue;
        found.push({ event, line });
        count++;
      }
      if (count >= wanted.most) break;
    }
  }
  const last = found.sort((a, b) => inOrder(a.event, b.event)).slice(-wanted.most);
  return { lines: last.map(({ line }) => line), ids: last.map(({ event }) => event.id) };
}

/** All of them, page by page, oldest first. */
export async function* linesSince(
  logs: Pick<Logs, "search">,
  streams: readonly LogSearch["streams"][],
  wanted: WantedLines,
  now: number,
): AsyncIterable<{ lines: Line[]; ids: string[] }> {
  const what = { from: wanted.from, until: wanted.until ?? now + AHEAD, order: "oldest first" as const };
  for (const one of streams) {
    for await (const page of logs.search({ ...what, streams: one }, PAGE)) {
      const found = page.flatMap((event) => {
        const line = wanted.match(event);
        return line === undefined ? [] : [{ line, id: event.id }];
      });
      if (found.length > 0) yield { lines: found.map((f) => f.line), ids: found.map((f) => f.id) };
    }
  }
}

const inOrder = (a: LogEvent, b: LogEvent): number => a.at - b.at || (a.id < b.id ? -1 : 1);

export interface FollowOptions {
  clock: Clock;
  /** Ends it. */
  signal: AbortSignal;
  /** Ids of events that were shown. */
  shown: readonly string[];
  /** It could not look, and goes on. */
  warn(message: string): void;
  /** @returns false when the reader has gone. */
  show(lines: readonly Line[]): Promise<boolean>;
}

/** Those that come, until the signal is aborted or the reader has gone. What comes late is still shown, once. */
export async function followLines(
  logs: Pick<Logs, "search">,
  streams: LogSearch["streams"],
  wanted: WantedLines,
  { clock, signal, shown, warn, show }: FollowOptions,
): Promise<void> {
  const seen = new Map<string, number>(shown.map((id) => [id, clock.now()]));
  let warned = false;
  let from = clock.now() - LATE;
  while (!signal.aborted) {
    const began = clock.now();
    try {
      const what = { streams, from: Math.max(wanted.from, from), until: began + AHEAD };
      for await (const page of logs.search({ ...what, order: "oldest first" }, PAGE)) {
        const lines = page
          .filter(({ id }) => !seen.has(id))
          .flatMap((event) => {
            seen.set(event.id, Math.max(event.at, began));
            return wanted.match(event) ?? [];
          });
        if (lines.length > 0 && !(await show(lines))) return;
        if (signal.aborted) return;
      }
      from = began - LATE;
      for (const [id, at] of seen) if (at < from) seen.delete(id);
      warned = false;
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (!warned) warn(`${error.message}; it is tried again`);
      warned = true;
    }
    await clock.sleep(EVERY_SECONDS * 1000, signal).catch(() => undefined);
  }
}
