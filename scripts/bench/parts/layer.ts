/** What does a replacement pay for believing Debian alone, and not the machine before it? */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";
import { packageLayer } from "../../../agent/site/layers.ts";
import { keys } from "../../../agent/site/names.ts";
import { readJson } from "../../../agent/site/read-json.ts";
import type { Rehearsal } from "../../rehearsal/rehearsal.ts";
import { type Part, settledReplacement, withSite } from "../bench.ts";
import { round, spread } from "../stats.ts";

const FOLDER = "/var/lib/everspot/bench";
const NODE = "/opt/everspot/current/node";

export const layer: Part = {
  name: "layer",
  about: "processor seconds of holding a layer of packages against Debian's signatures, on an instance",
  run: (bench, figures) =>
    withSite(bench, {}, async (site) => {
      const instance = await settledReplacement(site);
      const layerMB = await bring(site, instance);
      const check: number[] = [];
      for (let i = 0; i < bench.runs; i++) {
        const all = await processorSeconds(site, instance, [NODE, `${FOLDER}/check.mjs`, `${FOLDER}/layer`]);
        const idle = await processorSeconds(site, instance, [NODE, `${FOLDER}/check.mjs`]);
        check.push(all - idle);
        bench.say(`checking a layer of ${round(layerMB)} MB: ${round(all - idle)} s of processor time`);
        figures.layer = { processorSeconds: spread(check), layerMB: round(layerMB) };
      }
    }),
};

/** Puts a layer of the bucket and the program on the instance's disk. @returns the layer's size. */
async function bring(site: Rehearsal, instance: string): Promise<number> {
  const disk = path.join(site.cloud.machines.disk(instance), FOLDER);
  await mkdir(path.join(disk, "layer"), { recursive: true });
  for (const { key } of await site.store.list(keys.layersPrefix)) {
    const layer = key.endsWith(".json") ? await readJson(site.store, key, packageLayer) : undefined;
    if (layer === undefined) continue;
    const { current } = layer;
    if (!current.files.some((file) => file.startsWith("nginx_"))) continue;
    await site.store.download(keys.layer(current.sha256), path.join(disk, "layer.tar.gz"));
    await execa("tar", ["-xzf", path.join(disk, "layer.tar.gz"), "-C", path.join(disk, "layer")]);
    await build({
      entryPoints: [path.resolve(import.meta.dirname, "../layer-program.ts")],
      outfile: path.join(disk, "check.mjs"),
      ...{ bundle: true, platform: "node", format: "esm", mainFields: ["module", "main"], logLevel: "error" },
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
    });
    return current.size / 1e6;
  }
  throw new EverspotError("no layer of the bucket has nginx");
}

/** Of a command with all its children, user's and kernel's (bash(1), time). */
async function processorSeconds(
  site: Rehearsal,
  instance: string,
  command: readonly string[],
): Promise<number> {
  const script = `TIMEFORMAT='spent %3U %3S'; { time ${command.join(" ")} >/dev/null; } 2>&1`;
  const { stdout } = await site.cloud.machines.exec(instance, "bash", ["-c", script]);
  const [, user, system] = /spent ([\d.]+) ([\d.]+)/.exec(stdout) ?? [];
  const seconds = Number(user) + Number(system);
  if (Number.isNaN(seconds)) throw new EverspotError("the check failed", { lines: stdout.split("\n") });
  return seconds;
}
