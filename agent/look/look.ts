/**
 * What visitors would see of a release that answers its health check: its front page, the stylesheets and scripts that
 * this names, a page that is not there, and what its workers hold of DEBUG and SECRET_KEY. A look, not a test: it takes
 * `seconds` at most, and what did not answer by then is not judged.
 */
import { randomBytes } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { askApp, type NoReply, type Reply, type Where } from "../serving/app-request.ts";
import { judgeFacts, readFacts, type WorkerFacts } from "../serving/worker-facts.ts";
import type { Clock } from "../site/clock.ts";
import { decodedUrl } from "../site/config/static-files.ts";
import { namedFiles, pathWithin, showsDebug } from "./page.ts";

export interface Seen {
  /** Where the app is asked. */
  app: Where;
  /** Folder in which its workers say what they hold. */
  facts: string;
  workers: number;
  /** The site's names, its domain first. */
  hosts: readonly string[];
  /** Path of the health check, which may be a page too. */
  health: string;
  /** What nginx serves itself. */
  static: readonly { url: string; folder: string }[];
}

const SECONDS = 2;
/** Requests at a time: the app may have two workers. */
const AT_ONCE = 4;
const MOST_REDIRECTS = 5;
const MOST_FILES = 20;
/** Bytes of a page. */
const MOST_TEXT = 512 * 1024;

export interface Look {
  /** What a person should know, one sentence each. */
  found: string[];
  /** Whether all answered in time. */
  whole: boolean;
}

/** Never throws. */
export async function lookAround(seen: Seen, clock: Clock, signal: AbortSignal): Promise<Look> {
  const over = new AbortController();
  const late = AbortSignal.any([signal, over.signal]);
  const timer = clock.sleep(SECONDS * 1000, late).then(
    () => over.abort(),
    () => undefined,
  );
  try {
    const ask = limited(AT_ONCE, (path: string) => askOnce(seen, path, late));
    const [pages, unknown, facts] = await Promise.all([
      Promise.all([...new Set(["/", seen.health])].map((path) => lookAtPage(seen, path, ask))),
      ask(`/${randomBytes(6).toString("hex")}/`),
      untilWorkersSpoke(seen, clock, late),
    ]);
    const found = [...judgeUnknown(unknown, facts), ...judgeFacts(facts), ...pages.flat()];
    return { found: [...new Set(found)], whole: !late.aborted };
  } finally {
    over.abort();
    await timer;
  }
}

type Ask = (path: string) => Promise<Reply | undefined>;

/** @returns undefined where there was no answer in time. */
async function askOnce(
  { app, hosts: [host = ""] }: Seen,
  path: string,
  signal: AbortSignal,
): Promise<Reply | undefined> {
  if (signal.aborted) return undefined;
  const question = { path, host, timeoutMs: SECONDS * 1000, signal, keep: MOST_TEXT };
  const reply: Reply | NoReply = await askApp(app, question);
  return "seen" in reply ? undefined : reply;
}

async function lookAtPage(seen: Seen, from: string, ask: Ask): Promise<string[]> {
  let path = from;
  let reply = await ask(path);
  for (let hops = 0; isRedirect(reply); hops++) {
    if (hops === MOST_REDIRECTS) return [`${from} redirects without end, last to ${path}`];
    const next = pathWithin(reply.location, path, seen.hosts);
    if (next === undefined) return [];
    path = next;
    reply = await ask(path);
  }
  if (reply === undefined) return [];
  const at = path === from ? from : `${from}, which leads to ${path},`;
  // A site may have no front page, or keep it from strangers.
  if (reply.status >= 500 || reply.status === 400) return [`${at} answers ${reply.status}`];
  if (reply.status !== 200 || !/^text\/html\b/i.test(reply.type)) return [];
  const named = namedFiles(reply.text).flatMap((reference) => pathWithin(reference, path, seen.hosts) ?? []);
  const files = [...new Set(named)].slice(0, MOST_FILES);
  const gone = (await Promise.all(files.map((file) => missing(seen, file, ask)))).flatMap((one) => one ?? []);
  if (gone.length === 0) return [];
  const some = `${gone.slice(0, 3).join(", ")}${gone.length > 3 ? ", …" : ""}`;
  return [`${gone.length} of ${files.length} stylesheets and scripts of ${path} are not there: ${some}`];
}

const isRedirect = (reply: Reply | undefined): reply is Reply & { location: string } =>
  reply !== undefined && reply.status >= 300 && reply.status < 400 && reply.location !== undefined;

/** @returns the path with what it answers; undefined when it is there, or that is unknown. */
async function missing({ static: served }: Seen, path: string, ask: Ask): Promise<string | undefined> {
  const [plain = ""] = path.split("?");
  const decoded = decodedUrl(plain);
  for (const files of served) {
    const url = decodedUrl(files.url);
    if (url === undefined || decoded?.startsWith(url) !== true) continue;
    const file = join(files.folder, decoded.slice(url.length));
    const found = await lstat(file).catch(() => undefined);
    if (file.startsWith(`${files.folder}/`) && found?.isFile() === true) return undefined;
  }
  let reply = await ask(path);
  // A file may be kept elsewhere.
  if (isRedirect(reply)) return undefined;
  reply ??= { status: 200, location: undefined, type: "", text: "" };
  return reply.status === 200 ? undefined : `${path} (${reply.status})`;
}

function judgeUnknown(reply: Reply | undefined, facts: readonly WorkerFacts[]): string[] {
  if (reply === undefined) return [];
  // The workers may not have said so.
  if (showsDebug(reply.text)) return judgeFacts([...facts, { debug: true }]);
  return reply.status >= 500 ? [`a page that does not exist answers ${reply.status} instead of 404`] : [];
}

/** A worker speaks before it answers; the others may still be loading the app. */
async function untilWorkersSpoke(seen: Seen, clock: Clock, signal: AbortSignal): Promise<WorkerFacts[]> {
  for (;;) {
    const facts = await readFacts(seen.facts);
    if (facts.length === 0 || facts.length >= seen.workers || signal.aborted) return facts;
    await clock.sleep(50, signal).catch(() => undefined);
  }
}

/** At most `most` calls at a time, in order. */
function limited<A, T>(most: number, work: (argument: A) => Promise<T>): (argument: A) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = most;
  return async (argument) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work(argument);
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
