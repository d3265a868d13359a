import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { keepLogs } from "../play.ts";
import { type Given, lookAt } from "./copy.ts";
import { isFine, type Outcome } from "./outcome.ts";
import { playProject } from "./play.ts";
import { summary, table, writeRows } from "./table.ts";

const PAGE = path.resolve(import.meta.dirname, "../../../docs/projects.md");

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
