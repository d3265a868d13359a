import { ContractError } from "../wire/server.ts";
import { invalid, noGroup, noStream, there } from "./errors.ts";

export interface LogEvent {
  stream: string;
  timestamp: number;
  message: string;
  /** Milliseconds since the epoch. */
  ingested: number;
  /** Grows with each event; decides where timestamps are the same. */
  id: string;
}

export interface LogStream {
  created: number;
  events: LogEvent[];
}

export interface LogGroup {
  name: string;
  created: number;
  /** Days; undefined: forever. */
  retention: number | undefined;
  tags: Map<string, string>;
  streams: Map<string, LogStream>;
}

/** API Reference, PutRetentionPolicy. */
const RETENTIONS = [
  ...[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
  ],
];
const MOST_TAGS = 50;
const DAY = 86_400_000;

/** The log groups of an account, with their streams. API Reference: CreateLogGroup, CreateLogStream. */
export class Groups {
  readonly all = new Map<string, LogGroup>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  create(name: string, tags: Readonly<Record<string, string>>, groupClass: string | undefined): void {
    if (groupClass !== undefined && groupClass !== "STANDARD")
      throw new ContractError(`logs: the class ${groupClass} is not modelled`);
    if (!/^[.\-_/#A-Za-z0-9]{1,512}$/.test(name)) throw invalid(`${name} is no name of a log group`);
    if (this.all.has(name)) throw there("group");
    const group = { name, created: this.#now(), retention: undefined, tags: new Map(), streams: new Map() };
    this.tag(group, tags);
    this.all.set(name, group);
  }

  /** @throws AwsError */
  find(name: string | undefined): LogGroup {
    const group = this.all.get(name ?? "");
    if (group === undefined) throw noGroup();
    return group;
  }

  delete(name: string | undefined): void {
    this.all.delete(this.find(name).name);
  }

  keep(name: string | undefined, days: number | undefined): void {
    const group = this.find(name);
    if (!RETENTIONS.includes(days ?? 0)) throw invalid(`${days} is no retention in days`);
    group.retention = days;
  }

  tag(group: LogGroup, tags: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(tags)) {
      if (/^aws:/i.test(key)) throw invalid("Tag keys must not begin with aws:");
      group.tags.set(key, value);
    }
    if (group.tags.size > MOST_TAGS) throw invalid(`A resource can have at most ${MOST_TAGS} tags`);
  }

  createStream(groupName: string | undefined, name: string): void {
    const { streams } = this.find(groupName);
    if (!/^[^:*]{1,512}$/.test(name)) throw invalid(`${name} is no name of a log stream`);
    if (streams.has(name)) throw there("stream");
    streams.set(name, { created: this.#now(), events: [] });
  }

  /** @throws AwsError */
  stream(group: LogGroup, name: string | undefined): LogStream {
    const stream = group.streams.get(name ?? "");
    if (stream === undefined) throw noStream();
    return stream;
  }

  /** Before this nothing of a group is kept, milliseconds since the epoch. */
  horizon({ retention }: LogGroup): number {
    return retention === undefined ? Number.NEGATIVE_INFINITY : this.#now() - retention * DAY;
  }
}
