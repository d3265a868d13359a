import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

const JSON_SCHEMA = /zod[/\\]v4[/\\]core[/\\](?:to-json-schema|json-schema-processors)\.js$/;
const CLIENT_PACKAGE = /@aws-sdk[/\\]client-[\w-]+[/\\]package\.json$/;
const EXPORTED = /^export (?:const|function) (\w+)/gm;

/**
 * Leaves out what the agent never uses but esbuild cannot know to be unused: zod's JSON Schema output, which hangs
 * on every schema as a method, and all but the version in the clients' package.json.
 */
export const withoutUnused: Plugin = {
  name: "without-unused",
  setup(build) {
    build.onLoad({ filter: JSON_SCHEMA }, async ({ path }) => ({
      contents: stubs(await readFile(path, "utf8")),
      loader: "js",
    }));
    build.onLoad({ filter: CLIENT_PACKAGE }, async ({ path }) => ({
      contents: JSON.stringify({ version: JSON.parse(await readFile(path, "utf8")).version }),
      loader: "json",
    }));
  },
};

/** The same exports, none of which does anything. */
export function stubs(source: string): string {
  const names = [...source.matchAll(EXPORTED)].map((m) => m[1]);
  const renamed = [...source.matchAll(/^export \{ (\w+) as (\w+) \};$/gm)].map((m) => m[2]);
  return [
    "const unused = () => undefined;",
    ...[...names, ...renamed].map((name) => `export { unused as ${name} };`),
  ].join("\n");
}
