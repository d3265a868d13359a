import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

const CONFIG = /agent[/\\]site[/\\]config[/\\][\w-]+\.ts$/;
const BEGIN = /\s*\.register\(notes,/;
/** A string, a template without another inside, or a comment: no parenthesis in them counts. */
const TEXT = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;

/** What people read about the keys of everspot.toml is of no use to an instance: 15 KB. */
export const withoutNotes: Plugin = {
  name: "without-notes",
  setup(build) {
    build.onLoad({ filter: CONFIG }, async ({ path }) => ({
      contents: stripNotes(await readFile(path, "utf8")),
      loader: "ts",
    }));
  },
};

/** @param source of a module that registers notes on schemas. */
export function stripNotes(source: string): string {
  let rest = source;
  let kept = "";
  for (let found = BEGIN.exec(rest); found !== null; found = BEGIN.exec(rest)) {
    kept += rest.slice(0, found.index);
    rest = rest.slice(endOfCall(rest, found.index + found[0].length));
  }
  return kept + rest;
}

/** Behind the parenthesis that ends the call. @throws RangeError where there is none. */
function endOfCall(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; ) {
    TEXT.lastIndex = at;
    const text = TEXT.exec(source);
    if (text !== null) {
      at += text[0].length;
      continue;
    }
    if (source[at] === "(") depth++;
    if (source[at] === ")" && --depth === 0) return at + 1;
    at++;
  }
  throw new RangeError("a note without an end");
}
