/** What every part of the bench works with. */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import { startRealCloud } from "../../test/cloud/real.ts";
import { vanish } from "../rehearsal/acts.ts";
import { type CommandOutcome, onThis, Rehearsal } from "../rehearsal/rehearsal.ts";
import type { Result } from "../rehearsal/result.ts";
import { prepareSite, STATELESS } from "../rehearsal/site.ts";
import { makeWheelhouse, REQUIREMENTS } from "../rehearsal/wheels/wheelhouse.ts";
import type { Figures } from "./figures.ts";
import { installInstancePython } from "./instance-python.ts";

const GUESTBOOK = path.resolve(import.meta.dirname, "../../test/sites/guestbook");

/** One thing the bench measures; can run alone. */
export interface Part {
  name: string;
  about: string;
  /** Puts what it measured into the figures as soon as it has it. */
  run(bench: Bench, figures: Figures): Promise<void>;
}

export interface Bench {
  runs: number;
  /** Private to this bench; gone afterwards. */
  directory: string;
  say(line: string): void;
}

interface Tools {
  /** Folder with wheels of Django and gunicorn. */
  wheelhouse: string;
  /** Folder with the instance's Python. */
  programs: string;
}

const tools = new Map<Bench, Promise<Tools>>();

/** What the site's releases are made with; made when first asked for. */
export async function toolsOf(bench: Bench): Promise<Tools> {
  const made = tools.get(bench) ?? makeTools(bench);
  tools.set(bench, made);
  return made;
}

async function makeTools(bench: Bench): Promise<Tools> {
  bench.say("making wheels of Django and gunicorn out of Debian's packages");
  const [wheelhouse, programs] = [
    path.join(bench.directory, "wheels"),
    path.join(bench.directory, "programs"),
  ];
  const cloud = await startRealCloud({ say: bench.say });
  try {
    await makeWheelhouse(cloud, wheelhouse);
    await installInstancePython(cloud.mirror, programs);
  } finally {
    await cloud.close();
  }
  return { wheelhouse, programs };
}

/**
 * The sample site on a local AWS of its own. Its releases bring Django and gunicorn; the instance's packages are
 * everspot's own alone.
 */
export async function withSite<T>(
  bench: Bench,
  overrides: Record<string, unknown>,
  use: (site: Rehearsal) => Promise<T>,
): Promise<T> {
  const { wheelhouse, programs } = await toolsOf(bench);
  const directory = await mkdtemp(path.join(bench.directory, "site-"));
  const folder = path.join(directory, "project");
  await cp(GUESTBOOK, folder, { recursive: true });
  const lines = ["--no-index", `--find-links ${wheelhouse}`, ...REQUIREMENTS];
  await writeFile(path.join(folder, "requirements.txt"), `${lines.join("\n")}\n`);
  const result: Result = { scenario: "bench", problems: [], boots: [], timeline: [], visitors: [] };
  const site = await Rehearsal.start({
    ...{ result, say: bench.say },
    prepare: (cloud) =>
      prepareSite(folder, path.join(directory, "site"), {
        ...STATELESS,
        image: { packages: [] },
        ...overrides,
        ...onThis(cloud),
      }),
  });
  site.cloud.env.PATH = `${programs}:${process.env.PATH}`;
  try {
    return await use(site);
  } finally {
    await site.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs the shipped CLI, which must succeed. */
export async function must(
  site: Rehearsal,
  args: readonly string[],
  seconds = 600,
  input?: string,
): Promise<CommandOutcome> {
  const outcome = await site.cli(args, seconds, {}, input);
  if (outcome.exitCode === 0) return outcome;
  throw new EverspotError(`everspot ${args[0]} exited with ${outcome.exitCode}`, {
    lines: outcome.lines.slice(-40),
  });
}

/** Seconds after a boot when its work for the next one (flushing, tidying up) is over. */
export const SETTLED = 20;

/** Brings a site up, takes its instance away, and waits: what most instances are is a replacement. @returns its id. */
export async function settledReplacement(site: Rehearsal): Promise<string> {
  await must(site, ["up", "--yes"]);
  await site.untilPackagesAreKept();
  const { instance } = await site.bootOfOwner(await vanish(site), 120);
  await site.pause(SETTLED);
  return instance;
}
