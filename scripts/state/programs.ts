import path from "node:path";
import { build } from "esbuild";
import { agentSources } from "../../provisioner/archive/agent-archive.ts";
import { nodeRuntime } from "../../provisioner/archive/node-runtime.ts";
import { targets } from "../build/targets.ts";
import type { Programs } from "./instance.ts";

/** The Node that instances run, and the state's bundle, built into a folder. */
export async function buildPrograms(folder: string): Promise<Programs> {
  const arch = process.arch === "arm64" ? "arm64" : "x86_64";
  const programs = {
    node: await nodeRuntime(arch, agentSources().cacheDir),
    bundle: path.join(folder, "state.mjs"),
  };
  await build({ ...targets.state, outfile: programs.bundle });
  return programs;
}
