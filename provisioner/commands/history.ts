import { writeFile } from "node:fs/promises";
import { bootRecord } from "../../agent/site/boot-record.ts";
import { readDocument } from "../../agent/site/document.ts";
import { deployDocument } from "../../agent/site/documents/deploy-state.ts";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { readJsonIfKnown } from "../../agent/site/read-json.ts";
import { replacementsDocument } from "../../agent/site/replacements.ts";
import { readBoot } from "../aws/boot-records.ts";
import { type Aws, connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { pastDeploy } from "../history/deploys.ts";
import { drillsDocument } from "../history/drills.ts";
import { type Entry, entriesOf } from "../history/entries.ts";
import { renderPage } from "../history/page.ts";
import { type Style, took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";

/** Boot records read at once, and at most: the newest. */
const AT_ONCE = 8;
const BOOTS = 200;
/** Other events read, at most: the newest. */
const EVENTS = 400;

/** `everspot history`: replacements, reboots, deploys and drills, with how long they took. Changes nothing. */
export async function runHistory(
  config: SiteConfig,
  { terminal, clock }: Pick<Tools, "terminal" | "clock">,
  options: { html: string | undefined },
): Promise<void> {
  const aws = await connect(config);
  try {
    const entries = await look(aws);
    if (options.html !== undefined) {
      const page = renderPage(config.site, entries, new Date(clock.now()));
      await writeFile(options.html, page).catch((cause: unknown) => {
        throw new EverspotError(`${options.html} could not be written: ${messageOf(cause)}`, { cause });
      });
      terminal.say(`wrote ${options.html}`);
    }
    terminal.json({ command: "history", site: config.site, entries });
    for (const line of renderHistory(entries, terminal.style)) terminal.print(line);
  } finally {
    aws.close();
  }
}

async function look(aws: Aws): Promise<Entry[]> {
  if ((await aws.bucket.look()) === undefined) return [];
  const { store } = aws;
  const [listed, past, deploy, drills, replacements] = await Promise.all([
    store.list(keys.bootPrefix),
    store.list(keys.historyPrefix),
    readDocument(store, deployDocument),
    readDocument(store, drillsDocument),
    readDocument(store, replacementsDocument),
  ]);
  const newest = listed.sort((a, b) => b.modified.getTime() - a.modified.getTime()).slice(0, BOOTS);
  const instances = newest.map(({ key }) => key.slice(keys.bootPrefix.length).replace(/\.json$/, ""));
  const boots = await inTurns(instances, (id) => readBoot(aws, id));
  // Their names begin with the time.
  const events = past.map(({ key }) => key).slice(-EVENTS);
  return entriesOf({
    boots: [
      ...boots,
      ...(await inTurns(ofKind(events, "boot"), (key) => readJsonIfKnown(store, key, bootRecord))),
    ],
    deploys: await inTurns(ofKind(events, "deploy"), (key) => readJsonIfKnown(store, key, pastDeploy)),
    deploy: deploy.value,
    drills: drills.value?.drills ?? [],
    replacements: replacements.value,
  });
}

const ofKind = (events: readonly string[], kind: "boot" | "deploy"): string[] =>
  events.filter((key) => key.includes(`-${kind}-`));

async function inTurns<T>(
  of: readonly string[],
  read: (one: string) => Promise<T | undefined>,
): Promise<T[]> {
  const done: (T | undefined)[] = [];
  for (let i = 0; i < of.length; i += AT_ONCE) {
    done.push(...(await Promise.all(of.slice(i, i + AT_ONCE).map(read))));
  }
  return done.filter((one) => one !== undefined);
}

export function renderHistory(entries: readonly Entry[], style: Style): string[] {
  if (entries.length === 0) return ["nothing has happened yet; `everspot up` brings the site up"];
  const wide = Math.max(...entries.map((e) => e.kind.length));
  return entries.map((entry) => {
    const time = entry.seconds === undefined ? "" : took(entry.seconds);
    const mark = entry.ok === undefined ? "·" : entry.ok ? style.green("✓") : style.red("✗");
    const release = entry.release === undefined ? "" : ` ${style.dim(entry.release)}`;
    return `${style.dim(entry.at)}  ${mark} ${entry.kind.padEnd(wide)} ${time.padStart(12)}  ${entry.text}${release}`;
  });
}
