import { readFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import {
  LARGEST_PAGE,
  type MaintenanceState,
  maintenanceDocument,
} from "../../agent/site/documents/maintenance.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError, messageOf, USAGE } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { addressOf } from "../config/address.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { maintenanceOf } from "../operator/maintenance.ts";
import type { Tools } from "../operator/tools.ts";

export interface MaintenanceOptions {
  /** IPv4 addresses that see the site all the same. */
  allow: readonly string[];
  /** An HTML file. */
  page: string | undefined;
}

/** An instance looks every 5 s, and reads what it saw. */
const OBEYED_SECONDS = 20;

/**
 * `everspot maintenance on|off`: visitors get a page with 503 instead of the site, or the site again, from this instance
 * and those that replace it. Without a word it only says which.
 */
export async function runMaintenance(
  config: SiteConfig,
  tools: Tools,
  options: MaintenanceOptions,
  word: string | undefined,
): Promise<void> {
  const wanted = await wantedOf(word, options);
  const aws = await connect(config, tools.clock);
  try {
    if ((await aws.bucket.look()) === undefined) {
      throw new EverspotError(`${config.site} does not exist`, { hint: "`everspot up` brings it up" });
    }
    if (wanted === undefined) return show(config, tools, await maintenanceOf(aws.store));
    const { value } = await updateDocument(
      aws.store,
      maintenanceDocument,
      (current) => {
        if (current === undefined && !wanted.on) return undefined;
        if (current !== undefined && same(current, wanted)) return undefined;
        return { version: 1, ...wanted, since: new Date(tools.clock.now()).toISOString(), by: tools.holder };
      },
      tools.clock,
    );
    const seen = await obeyed(config, aws, tools, wanted.on);
    show(config, tools, value?.on === true ? value : undefined, seen);
  } finally {
    aws.close();
  }
}

type Wanted = Pick<MaintenanceState, "on" | "allow" | "page">;

/** @throws EverspotError (exit code 2) for what cannot be done. */
async function wantedOf(word: string | undefined, options: MaintenanceOptions): Promise<Wanted | undefined> {
  const given = options.allow.length > 0 || options.page !== undefined;
  if (word !== undefined && word !== "on" && word !== "off") {
    throw new EverspotError(`maintenance is "on" or "off", not ${JSON.stringify(word)}`, { exitCode: USAGE });
  }
  if (word !== "on" && given) {
    throw new EverspotError("--allow and --page belong to `everspot maintenance on`", { exitCode: USAGE });
  }
  if (word !== "on") return word && { on: false, allow: [] };
  const odd = options.allow.find((address) => !isIPv4(address));
  if (odd !== undefined) {
    throw new EverspotError(`${JSON.stringify(odd)} is not an IPv4 address`, {
      hint: "sites are reached over IPv4: name each address in full, like --allow 203.0.113.7",
      exitCode: USAGE,
    });
  }
  const page = options.page === undefined ? undefined : await pageOf(options.page);
  return { on: true, allow: [...new Set(options.allow)], ...(page !== undefined && { page }) };
}

async function pageOf(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new EverspotError(`${file}: ${messageOf(cause)}`, { exitCode: USAGE, cause });
  });
  if (text.trim() !== "" && text.length <= LARGEST_PAGE) return text;
  throw new EverspotError(
    text.trim() === "" ? `${file} is empty` : `${file} has more than ${LARGEST_PAGE / 1024} KB`,
    { hint: "give one HTML page that needs no other file from the site", exitCode: USAGE },
  );
}

const same = (current: Wanted, wanted: Wanted): boolean =>
  current.on === wanted.on &&
  current.page === wanted.page &&
  [...current.allow].sort().join() === [...wanted.allow].sort().join();

/** What visitors get from the instance that has the site; undefined while there is none to obey. */
async function obeyed(
  config: SiteConfig,
  aws: Aws,
  { clock, probe }: Tools,
  on: boolean,
): Promise<number | "unseen" | undefined> {
  const [{ value: site }, instances] = await Promise.all([
    readDocument(aws.store, siteDocument),
    aws.instances.look(),
  ]);
  if (!instances.some((i) => i.alive && i.id === site?.owner)) return undefined;
  const url = addressOf(config, config.app.health);
  return poll(
    `${url} to ${on ? "answer 503" : "answer"}`,
    async () => {
      const seen = await probe(url);
      if ("error" in seen) return { waiting: seen.error };
      return (seen.status === 503) === on ? { done: seen.status } : { waiting: `HTTP ${seen.status}` };
    },
    { seconds: OBEYED_SECONDS, everySeconds: 1, clock },
  ).catch(() => "unseen");
}

function show(
  { site }: SiteConfig,
  { terminal }: Pick<Tools, "terminal">,
  now: MaintenanceState | undefined,
  seen?: number | "unseen",
): void {
  const { since, by, allow, page } = now ?? {};
  terminal.json({
    command: "maintenance",
    site,
    on: now !== undefined,
    ...(now !== undefined && { since, by, allow, page: page !== undefined }),
    ...(typeof seen === "number" && { status: seen }),
  });
  if (now === undefined) terminal.print("maintenance is off: visitors get the site");
  else {
    terminal.print(`maintenance has been on since ${since},`);
    terminal.print(`by ${by}:`);
    terminal.print(`visitors get ${page === undefined ? "a page" : "the page"} with 503`);
    if (allow?.length) terminal.print(`the site is seen from ${allow.join(", ")}`);
    terminal.print("`everspot maintenance off` ends it");
  }
  if (seen !== "unseen") return;
  terminal.warn(
    now === undefined
      ? "the site has not answered yet: `everspot status` shows more"
      : "the site does not answer 503 to this computer: this computer's address may be allowed, or the instance is busy; `everspot status` shows more",
  );
}
