import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

const SCHEMAS = /@aws-sdk[/\\].*[/\\]schemas[/\\]schemas_\d+\.js$/;
const CONSTANT = /^const (_\w+) = ("(?:[^"\\]|\\.)*");$/gm;
const REGISTRATION = /^n\d+_registry\.registerError\(\w+\$, (\w+)\);$/gm;

/**
 * Lets esbuild drop the parts of the AWS SDK's schemas that are not used. It keeps top-level literals with computed keys
 * (`{[_x]: …}`), so these keys become the plain names they stand for; and it keeps every error of a service,
 * because all are registered, so only the named ones stay. An error that is not registered still arrives with
 * its name and message, as the service's base exception.
 * @param errors names of modelled errors to keep; all when undefined.
 */
export const leanSchemas = (errors?: ReadonlySet<string>): Plugin => ({
  name: "lean-schemas",
  setup(build) {
    build.onLoad({ filter: SCHEMAS }, async ({ path }) => {
      const source = plainKeys(await readFile(path, "utf8"));
      return { contents: errors === undefined ? source : onlyErrors(source, errors), loader: "js" };
    });
  },
});

export function plainKeys(source: string): string {
  const values = new Map([...source.matchAll(CONSTANT)].map((m) => [m[1], m[2]]));
  return source.replace(/\[(_\w+)\]:/g, (whole, name: string) => {
    const value = values.get(name);
    return value === undefined ? whole : `${value}:`;
  });
}

export function onlyErrors(source: string, keep: ReadonlySet<string>): string {
  return source.replace(REGISTRATION, (whole, name: string) => (keep.has(name) ? whole : ""));
}
