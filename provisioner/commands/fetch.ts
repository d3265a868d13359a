import path from "node:path";
import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";

/**
 * `everspot fetch`: fetches what instances run (Node, from the npm registry) and builds the agent's archive from it in
 * the cache, so that no later command needs a registry. Needs no credentials: a job runs it before it has any.
 */
export async function runFetch(config: SiteConfig, tools: Tools): Promise<void> {
  const { arch } = config.fleet;
  const { file, sha256 } = await tools.agentArchive(arch);
  tools.terminal.json({ command: "fetch", arch, sha256, file });
  tools.terminal.print(
    `the agent for ${arch} is in the cache: ${sha256.slice(0, 12)}, in ${path.dirname(file)}`,
  );
}
