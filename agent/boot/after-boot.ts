import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Machine } from "../machine/machine.ts";
import { makeBytecode } from "../release/bytecode.ts";
import { flushRelease, pruneReleases, readManifest } from "../release/fetch.ts";
import { stopOthers } from "../serving/app.ts";
import { pruneStatic } from "../serving/static-folder.ts";
import { messageOf } from "../site/errors.ts";
import { nth, paths, wholeAgent } from "../system/paths.ts";
import { run } from "../system/run.ts";

/** What a boot passes on. */
export interface Outcome {
  /** Its launch time, from EC2. */
  launched: Date;
  release: string;
  /** Whether visitors trust the certificate. */
  trusted: boolean;
  /** Undefined when another instance rightly has the site. */
  epoch: number | undefined;
  /** The instance that owned the site before this boot, if it was another one. */
  replaced: string | undefined;
  /** Seconds, of the site's records as this boot left them. */
  ttl: number;
}

/** Work that waits until the site is up, one piece after the other, so as not to compete with the app for the disk. */
export async function afterBoot(
  machine: Machine,
  outcome: Pick<Outcome, "release">,
  log: Logger,
  signal: AbortSignal,
  settled: () => void = () => {},
): Promise<void> {
  const { disk, units, candidates, host } = machine;
  const pieces: [string, () => Promise<unknown>][] = [
    ["stop apps of other releases", () => stopOthers(units, outcome.release)],
    ["keep packages for the next machine", () => machine.packages.keep()],
    ["static files of earlier releases", () => host.earlierStatic(outcome.release, signal)],
    ["keep static files for the next machine", () => host.keepStatic(outcome.release)],
    ["bytecode for every start from now on", () => bytecode(machine, outcome.release, signal)],
    ["flush the release to the disk", () => flushRelease(disk, outcome.release)],
    [
      "remove old releases",
      async () => {
        const keep = new Set([...(await candidates.wanted()), outcome.release]);
        await pruneReleases(disk, keep);
        const { static: served = [] } = machine.config.app;
        await Promise.all(served.map((_, n) => pruneStatic(nth(paths.static, n), keep)));
      },
    ],
    ["remove older agents", () => pruneAgents(paths.agents, machine.config.agent)],
    [
      "flush the disk",
      async () => {
        await run("sync", ["-f", paths.state], { seconds: 600 });
        await writeFile(wholeAgent(machine.config.agent), "");
        settled();
      },
    ],
  ];
  for (const [what, run] of pieces) {
    if (signal.aborted) return;
    const started = performance.now();
    try {
      await run();
      log.info({ seconds: Math.round(performance.now() - started) / 1000 }, what);
    } catch (error) {
      log.warn(`${what}: ${messageOf(error)}`);
    }
  }
}

async function bytecode({ store, disk }: Machine, release: string, signal: AbortSignal): Promise<void> {
  const manifest = await readManifest(store, release);
  if (manifest.bytecode === true) return;
  await makeBytecode(join(disk.releases, release), signal);
}

/** Older agents, which come with a disk that is a copy of another machine's. */
async function pruneAgents(folder: string, keep: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const old = names.filter((name) => /^[0-9a-f]{64}$/.test(name) && name !== keep);
  for (const name of old) await rm(join(folder, name), { recursive: true, force: true });
}
