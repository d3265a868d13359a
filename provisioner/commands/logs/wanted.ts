/** Which lines of the log are wanted, from the options of `everspot logs`. Pure, but for listing streams. */
import { EverspotError, messageOf, USAGE } from "../../../agent/site/errors.ts";
import { isSource, LOG_DAYS, partsOf, SOURCES, streamPrefix } from "../../../agent/site/logs/streams.ts";
import type { LogEvent, LogSearch, Logs } from "../../aws/logs/logs.ts";
import { parseMoment } from "../../operator/moment.ts";

export interface LogsOptions {
  follow: boolean;
  since?: string | undefined;
  until?: string | undefined;
  grep?: string | undefined;
  source?: string | undefined;
  release?: string | undefined;
  instance?: string | undefined;
  /** The last so many; undefined: 100, or all since a moment that is given. */
  lines?: number | undefined;
}

/** One line, with what its stream says of it. */
export interface Line {
  at: number;
  source: string;
  instance: string;
  release: string | undefined;
  text: string;
}

export interface WantedLines {
  from: number;
  /** Undefined: up to now. */
  until: number | undefined;
  /** Undefined: all. */
  most: number | undefined;
  /** Undefined for an event that is not wanted. */
  match(event: LogEvent): Line | undefined;
  /** Whether lines are left out but by their time. */
  filtered: boolean;
  /** Whether few lines of a stream that is wanted may be. */
  sparse: boolean;
}

const LAST = 100;
const DAY = 86_400_000;

/** @throws EverspotError (exit code 2) for options that make no sense. */
export function wantedLines(options: LogsOptions, now: number): WantedLines {
  const { follow, source, release, instance, lines } = options;
  const complain = (message: string, hint: string) => new EverspotError(message, { hint, exitCode: USAGE });
  if (follow && options.until !== undefined)
    throw complain("--follow goes on without end, and --until sets one", "leave one of them out");
  if (source !== undefined && !isSource(source))
    throw complain(
      `${JSON.stringify(source)} is not a source of the log`,
      `one of ${SOURCES.join(", ")}, job:NAME, worker:NAME`,
    );
  if (instance !== undefined && !/^i-[0-9a-f]+$/.test(instance))
    throw complain(`${JSON.stringify(instance)} is no instance`, 'like "i-0123456789abcdef0"');
  const oldest = now - LOG_DAYS * DAY;
  const from = options.since === undefined ? oldest : Math.max(oldest, moment(options.since, now));
  const until = options.until === undefined ? undefined : moment(options.until, now);
  if (until !== undefined && until < from)
    throw complain("--until is before --since", "give the earlier moment to --since");
  const pattern = options.grep === undefined ? undefined : expression(options.grep);
  return {
    ...{ from, until, most: lines ?? (options.since === undefined ? LAST : undefined) },
    filtered: [options.grep, source, release, instance].some((given) => given !== undefined),
    sparse: pattern !== undefined,
    match: ({ stream, at, text }) => {
      const parts = partsOf(stream);
      if (parts === undefined) return undefined;
      if (source !== undefined && parts.source !== source) return undefined;
      if (instance !== undefined && parts.instance !== instance) return undefined;
      if (release !== undefined && parts.release !== release) return undefined;
      return pattern === undefined || pattern.test(text) ? { at, text, ...parts } : undefined;
    },
  };
}

const moment = (text: string, now: number): number => parseMoment(text, new Date(now)).getTime();

function expression(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new EverspotError(`--grep: ${messageOf(error)}`, {
      hint: "it takes a regular expression, in which .*+?^$()[]{}|\\ have a special meaning; a \\ before one takes it away",
      exitCode: USAGE,
    });
  }
}

/** Streams in one search (API Reference, FilterLogEvents). */
const MOST_STREAMS = 100;

/** Where to look for them: one search after the other. Streams are listed only where no beginning of their names tells. */
export async function streamsOf(
  { source, release, instance }: LogsOptions,
  logs: Pick<Logs, "streams">,
): Promise<LogSearch["streams"][]> {
  if (instance === undefined && release === undefined)
    return [source === undefined ? "all" : { prefix: streamPrefix(source) }];
  if (source !== undefined && release === undefined) return [{ prefix: streamPrefix(source, instance) }];
  const prefix = source === undefined ? undefined : streamPrefix(source, instance);
  const names = (await logs.streams(prefix)).filter((name) => {
    const parts = partsOf(name);
    return (
      parts !== undefined &&
      (instance === undefined || parts.instance === instance) &&
      (release === undefined || parts.release === release)
    );
  });
  return Array.from({ length: Math.ceil(names.length / MOST_STREAMS) }, (_, i) => ({
    names: names.slice(i * MOST_STREAMS, (i + 1) * MOST_STREAMS),
  }));
}
