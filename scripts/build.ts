/** Bundles what is shipped into dist/: both, or those that are named. */
import { chmod, stat } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";
import { root, targets } from "./build/targets.ts";

/** Bytes. More slows the boot and would mean that something got in that does not belong. */
const AGENT_LIMIT = 900 * 1024;

const wanted = process.argv.slice(2);
for (const [name, options] of Object.entries(targets)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await build(options);
  const file = path.join(root, options.outfile);
  const { size } = await stat(file);
  process.stdout.write(`${options.outfile}  ${Math.ceil(size / 1024)} KB\n`);
  if (name === "everspot") await chmod(file, 0o755);
  if (name === "agent" && size > AGENT_LIMIT) {
    throw new Error(`the agent has ${size} bytes, ${AGENT_LIMIT} are allowed`);
  }
}
