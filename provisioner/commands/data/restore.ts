import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { type Aws, connect } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { plural } from "../../data/counted.ts";
import { type Had, had } from "../../data/had.ts";
import { type Dropped, droppedAfter, markBefore, rewindTo } from "../../data/rewind.ts";
import { examine } from "../../data/sqlite.ts";
import { isRunning, untilServed, whileStopped } from "../../deploy/stopped.ts";
import { Timeline } from "../../deploy/timeline.ts";
import { formatMoment, parseMoment } from "../../operator/moment.ts";
import type { Tools } from "../../operator/tools.ts";
import { takeSiteLog, unlessFenced } from "./epoch.ts";

/** What goes back besides the data, while the site stands still. */
export interface Along {
  command: string;
  /** A line each, for a person. */
  lines: readonly string[];
  /** For the result. */
  facts: object;
  work(aws: Aws): Promise<void>;
}

export interface RestoreOptions {
  /** A moment as a person writes it, or "entry:123". */
  to?: string | undefined;
  /** A release: back to what there was before it came. */
  before?: string | undefined;
  dryRun: boolean;
}

/** Rows of a table now, and then. */
interface Difference {
  table: string;
  now: number;
  was: number;
}

/**
 * `everspot data restore`: the site goes back to what it had written at an earlier moment. Says first what that drops;
 * what is dropped stays in the history, so that it can be taken back. The site stands still meanwhile, and its next
 * instance begins with what was restored.
 */
export async function runDataRestore(
  config: SiteConfig,
  tools: Tools,
  options: RestoreOptions,
  along?: Along,
): Promise<void> {
  const { terminal, clock, questions } = tools;
  const wanted = wantedOf(options, clock.now());
  const aws = await connect(config, clock);
  const timeline = new Timeline(terminal, clock);
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-restore-"));
  const signal = tools.interrupted();
  try {
    const then = await timeline.step("read what there was", async (detail) => {
      const last =
        wanted.release === undefined ? wanted.last : await markBefore(aws.stateOnce, wanted.release);
      const found = await had(aws.stateOnce, path.join(folder, "then"), {
        ...(last !== undefined && { last }),
        ...(wanted.until !== undefined && { until: wanted.until }),
      });
      refuseNothing(found, last, aws.state.url);
      detail(`as of ${formatMoment(new Date(found.place.at))}, entry ${found.place.seq}`);
      return found;
    });
    const dropped = await timeline.step("read what came after it", () =>
      droppedAfter(aws.stateOnce, then.place),
    );
    const tables = await differences(aws, then, dropped.end.seq, folder, signal);
    const running = await isRunning(aws);
    const to = { entry: then.place.seq, at: then.place.at };
    const { end, ...drops } = dropped;
    const facts = {
      ...{ command: along?.command ?? "data restore", site: config.site, dryRun: options.dryRun },
      ...along?.facts,
      ...{ to, dropped: { ...drops, last: end.seq }, tables, running },
    };
    terminal.print(terminal.style.bold(`${config.site} in ${config.region}, account ${aws.caller.account}`));
    for (const line of describe(then, dropped, tables, running)) terminal.print(`  ${line}`);
    if (along !== undefined) for (const line of along.lines) terminal.print(`  ${line}`);
    else if (options.before !== undefined) terminal.print(`  ${staysServed(options.before)}`);
    const nothing = along === undefined && dropped.writes === 0 && dropped.rewinds === 0;
    if (options.dryRun || nothing) {
      terminal.json({ ...facts, changed: false });
      if (nothing) terminal.print("nothing to do: nothing was written since");
      return;
    }
    await questions.typed(`Type the site's name to go back:`, config.site);
    const done = await whileStopped(config, aws, tools, timeline, async (signal) => {
      await along?.work(aws);
      return timeline.step("take back what came after it", async (detail) => {
        const log = await unlessFenced(() => takeSiteLog(config, aws, tools, end, { clock, signal }));
        const { rewind, entry } = await unlessFenced(() => rewindTo(log, then.place.seq));
        detail(`entry ${rewind}, epoch ${log.me.epoch}`);
        return { epoch: log.me.epoch, rewind, entry };
      });
    });
    const instance = running ? await untilServed(config, aws, tools, done.epoch, timeline) : undefined;
    const undo = done.rewind - 1;
    const { steps, seconds } = timeline;
    terminal.json({ ...facts, changed: true, ...done, undo, instance, steps, seconds });
    const where = running ? `https://${config.domain}/ serves it` : "the next instance begins with it";
    terminal.print(
      `${terminal.style.green("✓")} ${config.site} is as of ${formatMoment(new Date(then.place.at))}: ${where}`,
    );
    terminal.print(`  to take it back: \`everspot data restore --to entry:${undo}\``);
  } finally {
    await rm(folder, { recursive: true, force: true });
    aws.close();
  }
}

/** @throws EverspotError (exit code 2) unless it is one of both. */
function wantedOf(
  { to, before }: RestoreOptions,
  now: number,
): { until?: string; last?: number; release?: string } {
  if ((to === undefined) === (before === undefined)) {
    throw new EverspotError("say where to go back to: --to TIME, or --before RELEASE", {
      hint: 'e.g. `everspot data restore --to "2026-11-26 10:30"`; `everspot data` says how far back it goes',
      exitCode: 2,
    });
  }
  if (before !== undefined) return { release: before };
  const entry = /^entry:(\d{1,12})$/.exec(to ?? "")?.[1];
  if (entry !== undefined && Number(entry) > 0) return { last: Number(entry) };
  return { until: parseMoment(to ?? "", new Date(now)).toISOString() };
}

function refuseNothing({ place, files }: Had, last: number | undefined, url: string): void {
  if (last !== undefined && place.seq < last) {
    throw new EverspotError(`${url} has no entry ${last}`, {
      hint: `the last one is ${place.seq}`,
      exitCode: 2,
    });
  }
  if (place.seq > 0 && files.length > 0) return;
  throw new EverspotError(`${url} had no database at that time`, {
    hint: "choose a later moment; `everspot data` says how far back it goes",
  });
}

/** Tables whose rows are not as many as they were; undefined when nothing here can ask SQLite. */
async function differences(
  aws: Aws,
  then: Had,
  last: number,
  folder: string,
  signal: AbortSignal,
): Promise<Difference[] | undefined> {
  const now = await had(aws.stateOnce, path.join(folder, "now"), { last });
  const found: Difference[] = [];
  for (const file of new Set([...then.files, ...now.files])) {
    const [before, after] = await Promise.all(
      [then, now].map((one) =>
        one.files.includes(file) ? examine(path.join(one.folder, file), "", signal) : NONE,
      ),
    );
    if (before === undefined || after === undefined) return undefined;
    for (const table of new Set([...Object.keys(before.tables), ...Object.keys(after.tables)])) {
      const [a, b] = [after.tables[table] ?? 0, before.tables[table] ?? 0];
      if (a !== b) found.push({ table: now.files.length > 1 ? `${file}: ${table}` : table, now: a, was: b });
    }
  }
  return found;
}

const staysServed = (release: string): string =>
  `the data alone goes back: if ${release} is what serves, it migrates again at its start; \`everspot rollback\` takes the release back`;

const NONE: { tables: Record<string, number | null> } = { tables: {} };

function describe(then: Had, dropped: Dropped, tables: Difference[] | undefined, running: boolean): string[] {
  const { writes, first, newest, uploads, rewinds } = dropped;
  const span =
    first === undefined || newest === undefined
      ? ""
      : `, from ${formatMoment(new Date(first))} to ${formatMoment(new Date(newest))}`;
  const wide = Math.max(0, ...(tables ?? []).map(({ table }) => table.length));
  return [
    `back to ${formatMoment(new Date(then.place.at))}, entry ${then.place.seq}`,
    `drops ${plural(writes, "write")}${span}${uploads > 0 ? `, and ${plural(uploads, "change")} of uploads` : ""}`,
    ...(rewinds === 0 ? [] : [`takes back ${plural(rewinds, "restore")} that came after it`]),
    ...(tables ?? []).map(({ table, now, was }) => `  ${table.padEnd(wide)}  ${now} rows now, ${was} then`),
    "what is dropped stays in the history, and can be taken back",
    ...(running
      ? [
          "the site runs: its instance is ended, and the next one begins with what was restored; visitors get no answer meanwhile, for some minutes",
        ]
      : []),
  ];
}
