import type {
  CreateLogGroupCommandInput,
  CreateLogStreamCommandInput,
  DeleteLogGroupCommandInput,
  DescribeLogGroupsCommandInput,
  DescribeLogStreamsCommandInput,
  FilterLogEventsCommandInput,
  ListTagsForResourceCommandInput,
  PutLogEventsCommandInput,
  PutRetentionPolicyCommandInput,
  TagResourceCommandInput,
} from "@aws-sdk/client-cloudwatch-logs";
import * as clientLogs from "@aws-sdk/client-cloudwatch-logs";
import { invalid, noGroup } from "./logs/errors.ts";
import { Searches } from "./logs/filter.ts";
import { Groups, type LogGroup } from "./logs/groups.ts";
import { take } from "./logs/put.ts";
import { ContractError, type WireServer } from "./wire/server.ts";

export interface LogsOptions {
  account?: string;
  region?: string;
  now?: () => number;
  /** Milliseconds after which what was ingested, or made, is shown. */
  visibleMs?: number | undefined;
  /** Events of a page at most. */
  pageSize?: number | undefined;
}

const MOST_LISTED = 50;

/** CloudWatch Logs: groups of the standard class. What is left out is in README.md. */
export class Logs {
  readonly groups: Groups;
  readonly #options: { [Name in keyof LogsOptions]-?: NonNullable<LogsOptions[Name]> };
  readonly #searches = new Searches();
  #events = 0;

  constructor(server: WireServer, options: LogsOptions = {}) {
    this.#options = {
      ...{ account: "123456789012", region: "us-east-1", now: Date.now },
      ...options,
      ...{ visibleMs: options.visibleMs ?? 0, pageSize: options.pageSize ?? 10_000 },
    };
    this.groups = new Groups(this.#options.now);
    server.use(clientLogs, "logs");
    server.on(
      "logs",
      "CreateLogGroup",
      ({ logGroupName = "", tags, logGroupClass }: CreateLogGroupCommandInput) =>
        this.groups.create(logGroupName, tags ?? {}, logGroupClass),
    );
    server.on("logs", "DeleteLogGroup", ({ logGroupName }: DeleteLogGroupCommandInput) =>
      this.groups.delete(logGroupName),
    );
    server.on("logs", "PutRetentionPolicy", (input: PutRetentionPolicyCommandInput) =>
      this.groups.keep(input.logGroupName, input.retentionInDays),
    );
    server.on("logs", "DescribeLogGroups", (input: DescribeLogGroupsCommandInput) => this.#describe(input));
    server.on("logs", "TagResource", ({ resourceArn, tags }: TagResourceCommandInput) =>
      this.groups.tag(this.#byArn(resourceArn), tags ?? {}),
    );
    server.on("logs", "ListTagsForResource", ({ resourceArn }: ListTagsForResourceCommandInput) => ({
      tags: Object.fromEntries(this.#byArn(resourceArn).tags),
    }));
    server.on("logs", "CreateLogStream", (input: CreateLogStreamCommandInput) =>
      this.groups.createStream(input.logGroupName, input.logStreamName ?? ""),
    );
    server.on("logs", "DescribeLogStreams", (input: DescribeLogStreamsCommandInput) =>
      this.#describeStreams(input),
    );
    server.on("logs", "PutLogEvents", (input: PutLogEventsCommandInput) => this.#put(input));
    server.on("logs", "FilterLogEvents", (input: FilterLogEventsCommandInput) =>
      this.#searches.page(input, this.groups, this.#visible(), this.#options.pageSize),
    );
  }

  /** Undefined when there is no such group. @param arn as in policies, or as in tagging. */
  tagsOf(arn: string): Readonly<Record<string, string>> | undefined {
    const name = /:log-group:([^:]+)/.exec(arn)?.[1];
    const group = name === undefined ? undefined : this.groups.all.get(name);
    return group && Object.fromEntries(group.tags);
  }

  /** Messages of all streams that begin with this, as they were taken. For tests. */
  messages(group: string, prefix = ""): string[] {
    const streams = [...(this.groups.all.get(group)?.streams ?? [])].filter(([name]) =>
      name.startsWith(prefix),
    );
    return streams
      .flatMap(([, { events }]) => events)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((e) => e.message);
  }

  #visible(): number {
    return this.#options.now() - this.#options.visibleMs;
  }

  #arn({ name }: LogGroup): string {
    const { account, region } = this.#options;
    return `arn:aws:logs:${region}:${account}:log-group:${name}`;
  }

  /** Tagging takes the ARN without what others have at its end. */
  #byArn(arn: string | undefined): LogGroup {
    const group = [...this.groups.all.values()].find((g) => this.#arn(g) === arn);
    if (group === undefined) throw noGroup();
    return group;
  }

  #describe({
    logGroupNamePrefix = "",
    limit = MOST_LISTED,
    nextToken,
    ...other
  }: DescribeLogGroupsCommandInput) {
    assertKnown("DescribeLogGroups", other);
    assertListed(limit);
    const all = [...this.groups.all.values()]
      .filter((g) => g.name.startsWith(logGroupNamePrefix) && g.created <= this.#visible())
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const { shown, next } = page(all, limit, nextToken);
    return {
      logGroups: shown.map((g) => ({
        ...{ logGroupName: g.name, creationTime: g.created, arn: `${this.#arn(g)}:*` },
        ...{ logGroupArn: this.#arn(g), logGroupClass: "STANDARD", metricFilterCount: 0 },
        storedBytes: 0,
        ...(g.retention === undefined ? {} : { retentionInDays: g.retention }),
      })),
      ...next,
    };
  }

  #describeStreams(input: DescribeLogStreamsCommandInput) {
    const { logGroupName, logStreamNamePrefix = "", limit = MOST_LISTED, nextToken, ...other } = input;
    assertKnown("DescribeLogStreams", other);
    assertListed(limit);
    const group = this.groups.find(logGroupName);
    const all = [...group.streams]
      .filter(([name, { created }]) => name.startsWith(logStreamNamePrefix) && created <= this.#visible())
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const { shown, next } = page(all, limit, nextToken);
    return {
      logStreams: shown.map(([logStreamName, { created }]) => ({
        ...{ logStreamName, creationTime: created, storedBytes: 0 },
        arn: `${this.#arn(group)}:log-stream:${logStreamName}`,
      })),
      ...next,
    };
  }

  #put({ logGroupName, logStreamName = "", logEvents = [], ...other }: PutLogEventsCommandInput) {
    assertKnown("PutLogEvents", other);
    const group = this.groups.find(logGroupName);
    const stream = this.groups.stream(group, logStreamName);
    const ingested = this.#options.now();
    const { events, rejected } = take(logEvents, ingested, this.groups.horizon(group));
    for (const event of events) {
      const id = String(++this.#events).padStart(56, "0");
      stream.events.push({ ...event, stream: logStreamName, ingested, id });
    }
    return { nextSequenceToken: "0", ...(rejected && { rejectedLogEventsInfo: rejected }) };
  }
}

function page<T>(all: readonly T[], limit: number, token: string | undefined) {
  const from = token === undefined ? 0 : Number(token);
  const to = from + limit;
  return { shown: all.slice(from, to), next: to < all.length ? { nextToken: String(to) } : {} };
}

function assertListed(limit: number): void {
  if (limit < 1 || limit > MOST_LISTED) throw invalid(`limit must be between 1 and ${MOST_LISTED}`);
}

function assertKnown(operation: string, other: object): void {
  const [name] = Object.keys(other);
  if (name !== undefined) throw new ContractError(`logs.${operation}: ${name} is not modelled`);
}
