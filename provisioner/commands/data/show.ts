import { readDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { readBoot } from "../../aws/boot-records.ts";
import { type Aws, connect } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { megabytes, plural } from "../../data/counted.ts";
import { type Summary, summarize } from "../../data/summary.ts";
import { formatMoment } from "../../operator/moment.ts";
import { age, type Style } from "../../operator/terminal.ts";
import type { Tools } from "../../operator/tools.ts";
import { dollars } from "../../plan/bill.ts";
import { promiseOf, stateCost } from "../../plan/state-bill.ts";

/** `everspot data`: what the site has written, as far as it is in the bucket. Changes nothing. */
export async function runData(
  config: SiteConfig,
  { terminal, clock }: Pick<Tools, "terminal" | "clock">,
): Promise<void> {
  const aws = await connect(config, clock);
  try {
    const bucket = await aws.bucket.look();
    const found = bucket && (await summarize(aws.state));
    const month = found && stateCost(found);
    const behind = found && (await behindOf(aws));
    terminal.json({
      command: "data",
      site: config.site,
      exists: (found?.entry ?? 0) > 0,
      ...found,
      behind,
      month,
    });
    for (const line of linesOf(
      config,
      found && { ...found, behind },
      month?.total ?? 0,
      clock.now(),
      terminal.style,
    ))
      terminal.print(line);
  } finally {
    aws.close();
  }
}

/** What the owner said last of writes that did not come into the bucket; undefined: nothing, or they do again. */
async function behindOf(aws: Aws): Promise<string | undefined> {
  const { value: site } = await readDocument(aws.store, siteDocument);
  const boot = site && (await readBoot(aws, site.owner));
  const said = boot?.warnings.findLast((text) =>
    /in the bucket (yet|again)|keeps the site's state/.test(text),
  );
  return said?.endsWith("again") === true ? undefined : said;
}

function linesOf(
  { site, state }: SiteConfig,
  found: (Summary & { behind: string | undefined }) | undefined,
  month: number,
  now: number,
  style: Style,
): string[] {
  if (found === undefined || found.entry === 0) {
    const how =
      state === undefined
        ? "add [state] to everspot.toml"
        : "`everspot up` or `everspot data push` begins it";
    return [`nothing of what ${site} writes is kept yet: ${how}`];
  }
  const { databases, media, history, stored, lastWrite } = found;
  const since = (time: string) => `${age(now - Date.parse(time))} ago (${formatMoment(new Date(time))})`;
  const rows: [string, string][] = [
    ...databases.map(({ name, size }): [string, string] => [
      "database",
      `${name}, ${megabytes(size)} as of the last base`,
    ]),
    ["uploads", media.files === 0 ? "none" : `${plural(media.files, "file")}, ${megabytes(media.bytes)}`],
    ["last write", lastWrite === undefined ? "none yet" : since(lastWrite)],
    [
      "lag",
      found.behind ?? (state === undefined ? "none" : `none beyond what is promised: ${promiseOf(state)}`),
    ],
    [
      "log",
      `entry ${found.entry}, epoch ${found.epoch}, ${found.state ?? "empty"}; ${plural(found.sinceBase, "entry").replace("entrys", "entries")} since the last base`,
    ],
    [
      "history",
      history === undefined
        ? "none yet"
        : `back to ${formatMoment(new Date(history.since))}, ${plural(history.bases, "base")}`,
    ],
    [
      "in the bucket",
      `${megabytes(stored.log + stored.chunks + stored.media)}: log ${megabytes(stored.log)}, bases ${megabytes(stored.chunks)}, uploads ${megabytes(stored.media)}`,
    ],
    [
      "a month",
      `${dollars(month)} at this pace, ${Math.round(found.entriesPerDay).toLocaleString("en-US")} entries a day`,
    ],
  ];
  return rows.map(([name, text]) => `${style.dim(name.padEnd(14))}${text}`);
}
