import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ensureBucket } from "../../apply/bucket.ts";
import { type Aws, connect } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { bringIn, sendChunks } from "../../data/bring.ts";
import { counted, plural } from "../../data/counted.ts";
import { localDatabase, stateOf } from "../../data/local.ts";
import { sendUploads } from "../../data/uploads.ts";
import { untilServed, whileStopped } from "../../deploy/stopped.ts";
import { Timeline } from "../../deploy/timeline.ts";
import type { Tools } from "../../operator/tools.ts";
import { refuseAnothers, takeSiteLog, unlessFenced } from "./epoch.ts";
import { describePush, factsOf, isSame, leavesLog, lookAtPush, type Push, refuseEmpty } from "./push-look.ts";

export interface PushOptions {
  /** The database's file here; undefined: where the project has it. */
  file: string | undefined;
  /** Which of several databases it is to be, by its name in [state]. */
  as?: string | undefined;
  /** A folder with uploads; undefined: the site's uploads are left as they are. */
  media?: string | undefined;
  /** Goes on although the database is of newer code than what serves. */
  force: boolean;
  dryRun: boolean;
}

/**
 * `everspot data push`: a database and uploads of this computer become the site's. What the site had stays in its
 * history. Uploads and the database's content go first, and what was cut off goes on there; then the site stands still
 * for as long as the log is written, and its next instance begins with what was brought.
 */
export async function runDataPush(config: SiteConfig, tools: Tools, options: PushOptions): Promise<void> {
  const { terminal, clock } = tools;
  const local = localDatabase(config, options.file, options.as);
  stateOf(config, { media: options.media !== undefined });
  const aws = await connect(config, clock);
  const timeline = new Timeline(terminal, clock);
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-push-"));
  const signal = tools.interrupted();
  try {
    await refuseAnothers(config, aws, tools);
    const { media, force, dryRun } = options;
    const push = await lookAtPush(local, { config, aws, timeline, folder, signal, media, force });
    refuseEmpty(push);
    const { style } = terminal;
    const facts = { command: "data push", site: config.site, dryRun, ...factsOf(push) };
    terminal.print(style.bold(`${config.site} in ${config.region}, account ${aws.caller.account}`));
    for (const line of describePush(push)) terminal.print(`  ${line}`);
    if (dryRun || isSame(push)) {
      terminal.json({ ...facts, changed: false });
      if (isSame(push)) terminal.print("nothing to do: the site has all of it");
      return;
    }
    await agree(config, tools, push);
    const done = await carryOut(config, push, { aws, tools, timeline, folder, signal });
    const waits = push.running && !leavesLog(push);
    const instance = waits ? await untilServed(config, aws, tools, done.epoch, timeline) : undefined;
    const { steps, seconds } = timeline;
    terminal.json({ ...facts, changed: true, ...done, instance, steps, seconds });
    const where = push.running ? `https://${config.domain}/ serves it` : "the next instance begins with it";
    terminal.print(`${style.green("✓")} ${push.name} is in ${aws.state.url} (entry ${done.entry}): ${where}`);
    const before = push.had.place.seq;
    if (before > 0) terminal.print(`  to take it back: \`everspot data restore --to entry:${before}\``);
  } finally {
    await rm(folder, { recursive: true, force: true });
    aws.close();
  }
}

/** What the site has is typed away only by its name. */
async function agree({ site }: SiteConfig, { questions }: Tools, push: Push): Promise<void> {
  if (leavesLog(push) || (push.had.files.length === 0 && !push.running)) {
    await questions.agree(`Bring ${push.file} to ${site}?`);
    return;
  }
  await questions.typed(`Type the site's name to replace its ${push.name}:`, site);
}

async function carryOut(
  config: SiteConfig,
  push: Push,
  around: { aws: Aws; tools: Tools; timeline: Timeline; folder: string; signal: AbortSignal },
): Promise<{ epoch: number; entries: number; entry: number }> {
  const { aws, tools, timeline, folder, signal } = around;
  const { clock, terminal } = tools;
  const { media, database } = push;
  await ensureBucket(aws);
  if (media !== undefined && media.missing.length > 0) {
    const total = { files: media.missing.length, bytes: media.missing.reduce((sum, [, , n]) => sum + n, 0) };
    await timeline.step(`bring ${plural(total.files, "upload")} to the bucket`, () =>
      sendUploads(aws.store, media.folder, media.missing, counted(terminal.say, clock, total), signal),
    );
  }
  if (leavesLog(push)) {
    const { seq, epoch } = push.had.place;
    return { epoch, entries: 0, entry: seq };
  }
  const known = await timeline.step("bring the database's content to the bucket", () =>
    sendChunks(aws.state, database, { clock, signal }),
  );
  return whileStopped(config, aws, tools, timeline, (signal) =>
    timeline.step("write it to the log, and read it back", async (detail) => {
      const patience = { clock, signal };
      return unlessFenced(async () => {
        const log = await takeSiteLog(config, aws, tools, push.had.place, patience);
        const uploads = media?.changed ?? new Map();
        const done = await bringIn(aws.stateOnce, log, { database, uploads, known }, folder, patience);
        const { epoch } = log.me;
        detail(`epoch ${epoch}, ${done.entries} entries`);
        return { epoch, ...done };
      });
    }),
  );
}
