import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

const JSON_SCHEMA = /zod[/\\]v4[/\\]core[/\\](?:to-json-schema|json-schema-processors)\.js$/;
const CLIENT_PACKAGE = /@aws-sdk[/\\]client-[\w-]+[/\\]package\.json$/;
const EXECA = /[/\\]execa[/\\]index\.js$/;
const EXECA_PARTS =
  /[/\\]execa[/\\]lib[/\\](?:(?:verbose|pipe|convert)[/\\]\w+|ipc[/\\](?:methods|ipc-input|graceful)|methods[/\\](?:main-sync|template))\.js$/;
const EXECA_MESSAGES = /[/\\]execa[/\\]lib[/\\]ipc[/\\]buffer-messages\.js$/;
const ONLY_EXECA = `
import { createExeca } from "./lib/methods/create.js";
export { ExecaError } from "./lib/return/final-error.js";
export const execa = createExeca(() => ({}));`;
const EXPORTED = /^export (?:const|function) (\w+)/gm;

/**
 * Leaves out what the agent never uses but esbuild cannot know to be unused: zod's JSON Schema output, which hangs
 * on every schema as a method; all but the version in the clients' package.json; and of execa all but `execa()`
 * itself: no messages between processes, pipes, streams, templates, synchronous calls or verbose output.
 */
export const withoutUnused: Plugin = {
  name: "without-unused",
  setup(build) {
    build.onLoad({ filter: JSON_SCHEMA }, async ({ path }) => ({
      contents: stubs(await readFile(path, "utf8")),
      loader: "js",
    }));
    build.onLoad({ filter: EXECA }, () => ({ contents: ONLY_EXECA, loader: "js" }));
    build.onLoad({ filter: EXECA_PARTS }, async ({ path }) => ({
      contents: stubs(await readFile(path, "utf8")),
      loader: "js",
    }));
    build.onLoad({ filter: EXECA_MESSAGES }, async ({ path }) => ({
      contents: stubs(await readFile(path, "utf8"), "[]"),
      loader: "js",
    }));
    build.onLoad({ filter: CLIENT_PACKAGE }, async ({ path }) => ({
      contents: JSON.stringify({ version: JSON.parse(await readFile(path, "utf8")).version }),
      loader: "json",
    }));
  },
};

/** The same exports, none of which does anything. @param value what they return. */
export function stubs(source: string, value = "undefined"): string {
  const names = [...source.matchAll(EXPORTED)].map((m) => m[1]);
  const renamed = [...source.matchAll(/^export \{ (\w+) as (\w+) \};$/gm)].map((m) => m[2]);
  return [
    `const unused = () => ${value};`,
    ...[...names, ...renamed].map((name) => `export { unused as ${name} };`),
  ].join("\n");
}
