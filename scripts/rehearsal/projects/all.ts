import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { packageIndex } from "../../../test/cloud/mirror/index-hosts.ts";
import { keepLogs } from "../play.ts";
import { type Given, lookAt } from "./copy.ts";
import { isFine, type Outcome } from "./outcome.ts";
import { playProject } from "./play.ts";
import { summary, table, writeRows } from "./table.ts";

const PAGE = path.resolve(import.meta.dirname, "../../../docs/projects.md");
const REACH_MS = 20_000;

/**
 * Before the sandbox: whom pip may ask from inside of it.
 * @throws EverspotError when a folder is missing or the index does not answer.
 */
export async function reachIndex(folders: readonly string[]): Promise<string[]> {
  await Promise.all(folders.map((folder) => lookAt(path.resolve(folder))));
  const named = await Promise.all(folders.map((folder) => indexesNamed(path.resolve(folder))));
  const { url, hosts } = await packageIndex(named.flat());
  const page = url.endsWith("/") ? url : `${url}/`;
  await fetch(page, { method: "HEAD", signal: AbortSignal.timeout(REACH_MS) }).catch((cause) => {
    throw new EverspotError("pip's package index does not answer, and projects have dependencies", {
      resource: page,
      hint: "without it `scripts/rehearse` plays the project that is here; another index can be set by PIP_INDEX_URL",
      cause,
    });
  });
  return hosts;
}

/** Indexes that requirements files ask for themselves. */
async function indexesNamed(folder: string): Promise<string[]> {
  const files = ["", "requirements"].map(async (below) => {
    const names = await readdir(path.join(folder, below)).catch(() => []);
    return names.filter((name) => /\.(txt|in)$/.test(name)).map((name) => path.join(folder, below, name));
  });
  const texts = await Promise.all((await Promise.all(files)).flat().map((file) => readFile(file, "utf8")));
  return texts.flatMap((text) =>
    [...text.matchAll(/^\s*(?:-i|--(?:extra-)?index-url)[\s=]+(\S+)/gm)].map((m) => m[1] ?? ""),
  );
}

/** In the sandbox. @returns the exit code. */
export async function playProjects(
  folders: readonly string[],
  options: { json?: boolean; keep?: boolean; write?: boolean },
): Promise<number> {
  const kept = options.keep ? await mkdtemp("/var/tmp/everspot-rehearsal-") : undefined;
  const outcomes: Outcome[] = [];
  for (const folder of folders) outcomes.push(await one(await lookAt(path.resolve(folder)), kept));
  if (options.write) await writeRows(PAGE, outcomes);
  if (kept !== undefined) console.error(`logs of the instances: ${kept}`);
  console.error(`\n${summary(outcomes)}\n`);
  if (options.json) for (const outcome of outcomes) console.log(JSON.stringify(outcome));
  else console.log(table(outcomes));
  return outcomes.every(isFine) ? 0 : 1;
}

async function one(given: Given, kept: string | undefined): Promise<Outcome> {
  const started = performance.now();
  const say = (line: string): void =>
    console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  say(`project ${given.name}`);
  const directory = await mkdtemp(path.join(tmpdir(), "project-"));
  try {
    return await playProject(given, directory, say, async (rehearsal) => {
      if (kept !== undefined) await keepLogs(rehearsal, path.join(kept, path.basename(given.folder)), say);
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
