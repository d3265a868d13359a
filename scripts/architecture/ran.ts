/** Which sources ran: asked of V8, also where they were bundled into other modules. */
import { existsSync, readFileSync } from "node:fs";
import type { Session } from "node:inspector";
import { SourceMap, type SourceMapPayload } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

interface Coverage {
  result: {
    url: string;
    functions: { functionName: string; ranges: { startOffset: number; count: number }[] }[];
  }[];
}

/** Begins to count calls. */
export function watchCalls(inspector: Session): void {
  // Posted to the own process, it answers before `post` returns.
  inspector.post("Profiler.enable");
  inspector.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
}

/** Forgets which calls there were until now. */
export const forgetCalls = (inspector: Session): void => inspector.post("Profiler.takePreciseCoverage");

/** Absolute paths of the sources with a function that was called since this or `forgetCalls` was called before. */
export function calledSources(inspector: Session): Set<string> {
  const sources = new Set<string>();
  inspector.post("Profiler.takePreciseCoverage", (_, coverage) => {
    for (const { url, functions } of (coverage as unknown as Coverage).result) {
      if (!url.startsWith("file:")) continue;
      const ran = functions.filter((f) => f.functionName !== "" && f.ranges.some((r) => r.count > 0));
      const file = fileURLToPath(url);
      if (ran.length === 0) continue;
      if (!existsSync(`${file}.map`)) sources.add(file);
      else
        for (const source of sourcesAt(
          file,
          ran.map((f) => f.ranges[0]?.startOffset ?? 0),
        ))
          sources.add(source);
    }
  });
  return sources;
}

/** Where what begins at these offsets of a bundled module was written. */
function sourcesAt(file: string, offsets: readonly number[]): string[] {
  const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")) as SourceMapPayload);
  const lines = [...readFileSync(file, "utf8").matchAll(/^/gm)].map(({ index }) => index);
  let line = 0;
  return offsets
    .toSorted((a, b) => a - b)
    .flatMap((offset) => {
      while ((lines[line + 1] ?? Number.POSITIVE_INFINITY) <= offset) line += 1;
      const entry = map.findEntry(line, offset - (lines[line] ?? 0));
      return "originalSource" in entry ? [path.resolve(path.dirname(file), entry.originalSource)] : [];
    });
}
