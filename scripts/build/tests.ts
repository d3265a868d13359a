/**
 * The tests of a run, bundled together: what several need is written once, in parts that Node loads itself. To have each
 * process fetch and evaluate some two thousand modules by themselves takes it ten seconds.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build, type Plugin, stop } from "esbuild";
import { root, targets } from "./targets.ts";

/** Below node_modules, where vitest leaves modules to Node. */
const runs = path.join(root, "node_modules/.cache/tests");
/** Of this run: when its process began, by itself. Vitest loads its configuration, and so this, several times. */
const folder = path.join(runs, String(performance.timeOrigin));
/** Milliseconds after which a run was killed, as it left its folder. */
const LONGEST = 24 * 60 * 60 * 1000;

/** Where the bundled form of a source is. */
const bundled = (file: string) => path.join(folder, path.relative(root, file).replace(/\.ts$/, ".mjs"));

/** Modules still know where their source lies. */
const ownPlaces: Plugin = {
  name: "own-places",
  setup({ initialOptions, onLoad }) {
    for (const name of ["dirname", "filename", "url"]) {
      initialOptions.define = { ...initialOptions.define, [`import.meta.${name}`]: `ownPlace.${name}` };
    }
    onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
      const source = await readFile(file, "utf8");
      if (!source.includes("import.meta.")) return undefined;
      const place = { dirname: path.dirname(file), filename: file, url: pathToFileURL(file).href };
      return { contents: `const ownPlace = ${JSON.stringify(place)}; ${source}`, loader: "ts" };
    });
  },
};

const options = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  mainFields: ["module", "main"],
  // What vitest has to share with the tests, and what looks for files beside its own.
  external: ["vitest", "esbuild", "open", "pino", "playwright-core", "typescript"],
  outbase: root,
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  // Vitest reads them when something failed, for its lines.
  sourcemap: "linked",
  sourcesContent: false,
  logLevel: "error",
  banner: targets.state.banner,
  plugins: [ownPlaces],
} satisfies BuildOptions;

/** @param files absolute paths of tests. */
export async function bundleTests(files: readonly string[]): Promise<void> {
  await removeBundles();
  // What could not be read is printed; vitest then loads the sources, and fails the tests that need it.
  await build({ ...options, entryPoints: [...files] }).catch(() => {});
  await stop();
}

/** Those of this run, and what killed ones left. */
export async function removeBundles(): Promise<void> {
  const there = await readdir(runs).catch(() => []);
  const left = there
    .filter((began) => Date.now() - Number(began) > LONGEST)
    .map((began) => path.join(runs, began));
  await Promise.all([folder, ...left].map((run) => rm(run, { recursive: true, force: true })));
}

/** Has vitest load the bundled form of a test where there is one. */
export const asBundled = {
  name: "as-bundled",
  enforce: "pre",
  load: (id: string) =>
    id.endsWith(".test.ts") && existsSync(bundled(id)) ? `import ${JSON.stringify(bundled(id))};` : undefined,
} as const;
