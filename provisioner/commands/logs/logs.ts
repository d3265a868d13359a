import { EverspotError } from "../../../agent/site/errors.ts";
import type { StreamParts } from "../../../agent/site/logs/streams.ts";
import { streamPrefix } from "../../../agent/site/logs/streams.ts";
import { type Aws, connect } from "../../aws/connect.ts";
import { isMissing, type LogSearch } from "../../aws/logs/logs.ts";
import { consoleTail, secretsOf } from "../../boots/console.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import type { Tools } from "../../operator/tools.ts";
import { followLines, lastLines, linesSince } from "./read.ts";
import { Shown } from "./shown.ts";
import { type Line, type LogsOptions, streamsOf, type WantedLines, wantedLines } from "./wanted.ts";

export type { LogsOptions } from "./wanted.ts";

/** `everspot logs`: the last lines of the site's log, whether an instance lives or not; with `follow` those that come, too. */
export async function runLogs(
  config: SiteConfig,
  tools: Tools,
  options: LogsOptions & { json: boolean },
): Promise<void> {
  const { clock, terminal } = tools;
  const wanted = wantedLines(options, clock.now());
  const aws = await connect(config, clock);
  try {
    const interrupted = tools.interrupted();
    const shown = new Shown(tools.stdio, options);
    const { ids, since } = await there(aws, options, wanted, shown, clock.now());
    const console = wanted.filtered || wanted.until !== undefined ? undefined : await silent(aws, shown.last);
    if (console !== undefined && !shown.gone) await tellConsole(config, aws, tools, shown, console);
    if (!options.follow) {
      if (options.json) terminal.json({ command: "logs", site: config.site, lines: shown.lines });
      else if (shown.last === undefined && console === undefined) terminal.say(nothing(wanted));
      return;
    }
    if (shown.gone) return;
    await followLines(
      aws.logs,
      followed(options),
      { ...wanted, from: Math.max(wanted.from, since) },
      {
        ...{ clock, signal: interrupted, shown: ids, warn: terminal.warn },
        show: (lines) => shown.show(lines),
      },
    );
  } finally {
    aws.close();
    tools.stdio.done();
  }
}

const nothing = ({ filtered }: WantedLines): string =>
  filtered ? "no line of the log matches" : "there is nothing in the log";

/** Shows what there is. @returns the ids of what was shown, and since when that is all that is wanted. */
async function there(
  aws: Aws,
  options: LogsOptions,
  wanted: WantedLines,
  shown: Shown,
  now: number,
): Promise<{ ids: string[]; since: number }> {
  try {
    const streams = await streamsOf(options, aws.logs);
    const { most } = wanted;
    if (most !== undefined) {
      const { lines, ids } = await lastLines(aws.logs, streams, { ...wanted, most }, now);
      await shown.show(lines);
      return { ids, since: lines[0]?.at ?? 0 };
    }
    const all: string[] = [];
    for await (const { lines, ids } of linesSince(aws.logs, streams, wanted, now)) {
      all.push(...ids);
      if (!(await shown.show(lines))) break;
    }
    return { ids: all, since: 0 };
  } catch (error) {
    if (!isMissing(error)) throw error;
    if ((await aws.logs.look()) !== undefined) return { ids: [], since: 0 };
    throw new EverspotError("the site has no log", {
      resource: aws.logs.group,
      hint: "`everspot up` makes its log group; `everspot deploy` replaces an instance that began without one",
      cause: error,
    });
  }
}

/** An instance that came after the last line and has said nothing. */
async function silent(aws: Aws, last: Line | undefined): Promise<string | undefined> {
  const newest = (await aws.instances.look()).find((i) => i.alive);
  if (newest === undefined || (last !== undefined && newest.launched.getTime() <= last.at)) return undefined;
  return newest.id;
}

async function tellConsole(
  config: SiteConfig,
  aws: Aws,
  { terminal, clock }: Pick<Tools, "terminal" | "clock">,
  shown: Shown,
  instance: string,
): Promise<void> {
  const lines = await consoleTail(aws, instance, secretsOf(config));
  if (lines.length === 0) {
    terminal.say(`${instance} has said nothing yet; EC2 shows its console after some minutes`);
    return;
  }
  terminal.say(`${instance} has nothing in the log yet; this is the end of its console`);
  const parts: StreamParts = { source: "console", instance, release: undefined };
  await shown.show(lines.map((text) => ({ ...parts, text, at: clock.now() })));
}

/** Streams that come later count, too. */
const followed = ({ source, instance }: LogsOptions): LogSearch["streams"] =>
  source === undefined ? "all" : { prefix: streamPrefix(source, instance) };
