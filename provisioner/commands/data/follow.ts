import { EverspotError } from "../../../agent/site/errors.ts";
import { connect } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { plural } from "../../data/counted.ts";
import { apply, type Caught, catchUp, restoreAnew } from "../../data/follow.ts";
import { formatMoment } from "../../operator/moment.ts";
import type { Tools } from "../../operator/tools.ts";

export interface FollowOptions {
  /** The copy's; with several databases, their folder. */
  file: string;
  /** Seconds between two looks. */
  every: number;
  /** Brings the copy up to date and ends. */
  once: boolean;
  /** Takes the place of a file that is no copy of this site. */
  force: boolean;
  dryRun: boolean;
}

/**
 * `everspot data follow FILE`: a copy of the database on this computer that keeps up with the site, by one GET of the
 * log's next number at a time. Between two looks it is a whole SQLite file; Ctrl-C ends it, and the next call goes on.
 */
export async function runDataFollow(
  config: SiteConfig,
  { terminal, clock, interrupted }: Pick<Tools, "terminal" | "clock" | "interrupted">,
  { file, every, once, force, dryRun }: FollowOptions,
): Promise<void> {
  const aws = await connect(config, clock);
  const signal = interrupted();
  try {
    if (dryRun) {
      const { objects } = await aws.state.list("state/base/");
      const what = { command: "data follow", site: config.site, dryRun, file, bases: objects.length };
      terminal.json(what);
      terminal.print(`would follow ${aws.state.url} into ${file}: one GET in ${every} s`);
      return;
    }
    let now = await catchUp(aws.state, file, force);
    tell(terminal, now);
    const total = {
      applied: now.how === "applied" ? now.entries : 0,
      restored: now.how === "restored" ? 1 : 0,
    };
    let trouble: string | undefined;
    while (!once && !signal.aborted) {
      await clock.sleep(every * 1000, signal).catch(() => undefined);
      if (signal.aborted) break;
      try {
        const next = await apply(aws.state, file, now.followed);
        if (next === undefined)
          terminal.warn("something was taken back: the copy is restored from the beginning");
        now = next ?? (await restoreAnew(aws.state, file));
        if (now.how === "restored") total.restored++;
        else total.applied += now.entries;
        if (now.how === "restored" || now.entries > 0) tell(terminal, now);
        trouble = undefined;
      } catch (error) {
        // S3 may be out of reach for a while: what comes next goes on from where the copy is.
        if (!(error instanceof EverspotError && error.retry === "retry")) throw error;
        if (trouble !== error.message) terminal.warn(`${error.message}: trying again`);
        trouble = error.message;
      }
    }
    const { place, files } = now.followed;
    terminal.json({
      ...{
        command: "data follow",
        site: config.site,
        dryRun,
        files,
        entry: place.seq,
        at: place.at,
        ...total,
      },
    });
    for (const one of Object.values(files)) {
      terminal.print(`${one}: as of ${formatMoment(new Date(place.at))}, entry ${place.seq}`);
    }
  } finally {
    aws.close();
  }
}

function tell({ say }: Pick<Tools["terminal"], "say">, { how, entries, followed }: Caught): void {
  const at = formatMoment(new Date(followed.place.at));
  const what = plural(entries, "change");
  say(`  ${how === "restored" ? "restored" : `${what} applied`}: entry ${followed.place.seq}, ${at}`);
}
