import {
  type CloudWatchLogsClient,
  CreateLogGroupCommand,
  DeleteLogGroupCommand,
  FilterLogEventsCommand,
  PutRetentionPolicyCommand,
  paginateDescribeLogGroups,
  paginateDescribeLogStreams,
} from "@aws-sdk/client-cloudwatch-logs";
import { logGroup, SITE_TAG } from "../../../agent/site/names.ts";
import { omitUndefined } from "../../../agent/site/omit-undefined.ts";
import { hasCode, ignoring, named } from "../errors.ts";
import { gather } from "../network-look.ts";

export interface LogsSeen {
  /** Undefined: forever. */
  days: number | undefined;
}

export interface LogEvent {
  /** CloudWatch Logs' own; later ones are greater, of the same length. */
  id: string;
  stream: string;
  /** Milliseconds since the epoch. */
  at: number;
  text: string;
}

/** Which lines of the group. Times in milliseconds since the epoch, both included. */
export interface LogSearch {
  streams: { prefix: string } | { names: readonly string[] } | "all";
  from: number;
  until: number;
  order: "newest first" | "oldest first";
}

/** The log of one site, in CloudWatch Logs. */
export interface Logs {
  /** Name of the group. */
  readonly group: string;
  /** Undefined when there is no group. */
  look(): Promise<LogsSeen | undefined>;
  create(): Promise<void>;
  keep(days: number): Promise<void>;
  /** One that is not there is deleted. */
  delete(): Promise<void>;
  /** Names of streams. */
  streams(prefix: string | undefined): Promise<string[]>;
  /**
   * Pages of lines, which may be empty. @param most lines of a page.
   * @throws EverspotError; its cause is ResourceNotFoundException where there is no group, or no such stream.
   */
  search(what: LogSearch, most: number): AsyncIterable<LogEvent[]>;
}

export function createLogs(client: CloudWatchLogsClient, site: string): Logs {
  const group = logGroup(site);
  const logGroupName = group;
  return {
    group,
    look: () =>
      named("looking at the log group", async () => {
        const pages = paginateDescribeLogGroups({ client }, { logGroupNamePrefix: group });
        const found = (await gather(pages, (page) => page.logGroups)).find((g) => g.logGroupName === group);
        return found && { days: found.retentionInDays };
      }),
    create: () =>
      named("creating the log group", async () => {
        // One that was just made may not be shown yet.
        await client
          .send(new CreateLogGroupCommand({ logGroupName, tags: { [SITE_TAG]: site } }))
          .catch(ignoring("ResourceAlreadyExists"));
      }),
    keep: (days) =>
      named("setting how long the log is kept", async () => {
        await client.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: days }));
      }),
    delete: () =>
      named("deleting the log group", async () => {
        await client.send(new DeleteLogGroupCommand({ logGroupName })).catch(ignoring("ResourceNotFound"));
      }),
    streams: (prefix) =>
      named("listing the streams of the log", async () => {
        const query = { logGroupName, ...omitUndefined({ logStreamNamePrefix: prefix }) };
        const found = await gather(paginateDescribeLogStreams({ client }, query), (page) => page.logStreams);
        return found.flatMap((stream) => stream.logStreamName ?? []);
      }),
    async *search({ streams, from, until, order }, most) {
      const asked = {
        ...{ logGroupName, startTime: from, endTime: until, limit: most },
        startFromHead: order === "oldest first",
        ...(streams === "all"
          ? {}
          : "prefix" in streams
            ? { logStreamNamePrefix: streams.prefix }
            : { logStreamNames: [...streams.names] }),
      };
      let nextToken: string | undefined;
      do {
        const page = await named("reading the log", () =>
          client.send(new FilterLogEventsCommand({ ...asked, ...omitUndefined({ nextToken }) })),
        );
        yield (page.events ?? []).map((event) => ({
          ...{ id: event.eventId ?? "", stream: event.logStreamName ?? "" },
          ...{ at: event.timestamp ?? 0, text: event.message ?? "" },
        }));
        nextToken = page.nextToken;
      } while (nextToken !== undefined);
    },
  };
}

/** Whether it failed as there is no group, or not the stream. */
export const isMissing = (error: unknown): boolean =>
  hasCode(error, "ResourceNotFound") || hasCode((error as { cause?: unknown }).cause, "ResourceNotFound");
