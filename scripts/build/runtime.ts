/** Prints where the Node lies that instances run, for this machine's processor; fetches it if it is not in the cache. */
import { messageOf } from "../../agent/site/errors.ts";
import { agentSources } from "../../provisioner/archive/agent-archive.ts";
import { nodeRuntime } from "../../provisioner/archive/node-runtime.ts";

try {
  const arch = process.arch === "arm64" ? "arm64" : "x86_64";
  process.stdout.write(`${await nodeRuntime(arch, agentSources().cacheDir)}\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
