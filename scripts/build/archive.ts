/** Builds the agent archive for this machine's processor into the cache, so that `everspot up` needs no network. */
import { messageOf } from "../../agent/site/errors.ts";
import { buildAgentArchive } from "../../provisioner/archive/agent-archive.ts";

try {
  const { file, size } = await buildAgentArchive(process.arch === "arm64" ? "arm64" : "x86_64");
  process.stdout.write(`${file}  ${Math.ceil(size / 1024 / 1024)} MB\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
