import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/** The AWS SDK reads its packages' own descriptions for their versions alone: nothing else of them is bundled. */
export const versionsOnly: Plugin = {
  name: "versions-only",
  setup(build) {
    build.onLoad({ filter: /@aws-sdk[/\\][^/\\]+[/\\]package\.json$/ }, async ({ path }) => {
      const { version } = JSON.parse(await readFile(path, "utf8")) as { version: string };
      return { contents: JSON.stringify({ version }), loader: "json" };
    });
  },
};
