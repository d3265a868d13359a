type Path = readonly (string | number)[];

/**
 * Where in a TOML text the value at a path is written, 1-based; the nearest enclosing table or key when the value
 * itself has no line of its own, undefined when no part of the path is there. The text is known to parse.
 */
export function lineOf(text: string, path: Path): number | undefined {
  const lines = index(text);
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(join(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return undefined;
}

const join = (path: Path): string => path.map(String).join("\u0000");

function index(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const remember = (path: string[], line: number) => {
    for (let i = 1; i <= path.length; i++) {
      const key = join(path.slice(0, i));
      if (!found.has(key)) found.set(key, line);
    }
  };
  let table: string[] = [];
  let quotes: string | undefined;
  text.split("\n").forEach((line, i) => {
    if (quotes !== undefined) {
      if (line.includes(quotes)) quotes = undefined;
      return;
    }
    const header = /^\s*\[\[?([^[\]]+)\]\]?\s*(#.*)?$/.exec(line);
    const key = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$/.exec(line);
    if (header) {
      table = parts(header[1] ?? "");
      remember(table, i + 1);
    } else if (key) {
      const value = key[2] ?? "";
      remember([...table, ...parts(key[1] ?? "")], i + 1);
      const opening = /"""|'''/.exec(value)?.[0];
      if (opening !== undefined && value.split(opening).length === 2) quotes = opening;
    }
  });
  return found;
}

const parts = (dotted: string): string[] =>
  [...dotted.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? "");
