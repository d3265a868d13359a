/** How big is the agent, and how soon is it ready to run? */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { agentSources } from "../../../provisioner/archive/agent-archive.ts";
import { nodeRuntime } from "../../../provisioner/archive/node-runtime.ts";
import { nodeOptions } from "../agent-command.ts";
import type { Part } from "../bench.ts";
import { spread } from "../stats.ts";

/** One start is short, and other work of the machine shows in it. */
const STARTS_PER_RUN = 4;

export const startup: Part = {
  name: "startup",
  about: "size of the agent's bundle, and from the start of its node to its first word",
  async run(bench, figures) {
    const { agentFile, cacheDir } = agentSources();
    const node = await nodeRuntime(process.arch === "arm64" ? "arm64" : "x86_64", cacheDir);
    const command = [node, ...(await nodeOptions()), agentFile];
    const cold: number[] = [];
    const warm: number[] = [];
    for (let i = 0; i < bench.runs * STARTS_PER_RUN; i++) {
      const cache = await mkdtemp(path.join(bench.directory, "compiled-"));
      cold.push(await untilReady(command, cache));
      warm.push(await untilReady(command, cache));
      await rm(cache, { recursive: true });
    }
    figures.agent = {
      bundleBytes: (await stat(agentFile)).size,
      readyMilliseconds: spread(warm),
      readyColdMilliseconds: spread(cold),
    };
  },
};

/** Milliseconds until the agent, with everything loaded, has read its command line (none) and says how it is used. */
async function untilReady(command: readonly string[], compileCache: string): Promise<number> {
  const [node = "", ...args] = command;
  const began = performance.now();
  const child = spawn(node, args, {
    env: { AWS_EC2_METADATA_DISABLED: "true", NODE_COMPILE_CACHE: compileCache },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "close");
  const said = await Promise.race([once(child.stderr, "data"), exited]);
  const milliseconds = performance.now() - began;
  const [code] = await exited;
  if (code !== 2 || !String(said[0]).startsWith("usage:")) {
    throw new EverspotError(`the agent did not start: exit code ${code}`, { resource: args.join(" ") });
  }
  return milliseconds;
}
