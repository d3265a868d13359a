import path from "node:path";
import { build } from "esbuild";
import { targets } from "../scripts/build/targets.ts";

/** A program of the tests as one file, which starts several times faster than its sources. @returns its path. */
export async function bundle(source: string, folder: string): Promise<string> {
  const outfile = path.join(folder, `${path.basename(source, ".ts")}.mjs`);
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    mainFields: ["module", "main"],
    banner: targets.state.banner,
  });
  return outfile;
}
