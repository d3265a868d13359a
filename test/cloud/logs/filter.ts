import type { FilterLogEventsRequest, FilterLogEventsResponse } from "@aws-sdk/client-cloudwatch-logs";
import { AwsError, ContractError } from "../wire/server.ts";
import { invalid } from "./errors.ts";
import type { Groups, LogEvent } from "./groups.ts";

/** API Reference, FilterLogEvents. */
const MOST = 10_000;
const PAGE_BYTES = 1_048_576;
const MOST_STREAMS = 100;
/** Newest first is there for what is later than this. */
const NEWEST_FIRST = Date.UTC(2024, 0, 1);

interface Search {
  group: string;
  from: string;
  head: boolean;
}

/** Searches under way, by their tokens: a page goes on where the one before ended. */
export class Searches {
  readonly #open = new Map<string, { search: Search; input: FilterLogEventsRequest }>();
  #count = 0;

  /**
   * One page; the first of each search is empty, with a token, as AWS may answer at any time.
   * @param visible until when what was ingested is shown, milliseconds.
   * @param most events of a page.
   */
  page(
    input: FilterLogEventsRequest,
    groups: Groups,
    visible: number,
    most: number,
  ): FilterLogEventsResponse {
    if (input.filterPattern !== undefined) throw new ContractError("logs: filter patterns are not modelled");
    if (input.logGroupIdentifier !== undefined) throw new ContractError("logs: give the group's name");
    const group = groups.find(input.logGroupName);
    const { limit = MOST, logStreamNames: names, logStreamNamePrefix: prefix } = input;
    if (limit < 1 || limit > MOST) throw invalid(`limit must be between 1 and ${MOST}`);
    if (names !== undefined && prefix !== undefined) {
      throw invalid("LogStreamNamePrefix and LogStreamNames are both specified.");
    }
    if (names !== undefined && (names.length < 1 || names.length > MOST_STREAMS)) {
      throw invalid(`logStreamNames must have between 1 and ${MOST_STREAMS} members`);
    }
    for (const name of names ?? []) groups.stream(group, name);
    const { startTime = 0, endTime = Number.POSITIVE_INFINITY } = input;
    if (startTime > endTime) throw invalid("The start time must be before the end time.");
    const head = input.startFromHead ?? true;
    if (!head && startTime < NEWEST_FIRST) {
      throw invalid("startFromHead may be false only where startTime is on or after January 1, 2024.");
    }
    if (input.nextToken === undefined) {
      return { events: [], ...this.#token({ group: group.name, from: "", head }, input) };
    }
    const found = this.#open.get(input.nextToken);
    if (found === undefined || found.search.group !== group.name) {
      throw new AwsError("InvalidParameterException", "The specified nextToken is invalid.");
    }
    const { search } = found;
    const sought = [...group.streams]
      .filter(([name]) => (names === undefined ? name.startsWith(prefix ?? "") : names.includes(name)))
      .flatMap(([, { events }]) => events)
      .filter((e) => e.ingested <= visible && e.timestamp >= groups.horizon(group))
      .filter((e) => e.timestamp >= startTime && e.timestamp <= endTime)
      .sort(inOrder);
    if (!search.head) sought.reverse();
    const rest =
      search.from === "" ? sought : sought.slice(sought.findIndex((e) => e.id === search.from) + 1);
    const events: LogEvent[] = [];
    let bytes = 0;
    for (const event of rest.slice(0, Math.min(limit, most))) {
      bytes += Buffer.byteLength(event.message);
      if (bytes > PAGE_BYTES && events.length > 0) break;
      events.push(event);
    }
    const last = events.at(-1);
    const more = last !== undefined && events.length < rest.length;
    return {
      events: events.map((e) => ({
        ...{ logStreamName: e.stream, timestamp: e.timestamp, message: e.message },
        ...{ ingestionTime: e.ingested, eventId: e.id },
      })),
      ...(more && this.#token({ ...search, from: last.id }, input)),
    };
  }

  #token(search: Search, input: FilterLogEventsRequest): { nextToken: string } {
    const nextToken = `search-${++this.#count}`;
    this.#open.set(nextToken, { search, input });
    return { nextToken };
  }
}

/** By timestamp, then as they came. */
const inOrder = (a: LogEvent, b: LogEvent): number => a.timestamp - b.timestamp || (a.id < b.id ? -1 : 1);
