/** Modules that a Python file names. Pure. */

const FROM = /^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\n#]*))/gm;
const IMPORT = /^[ \t]*import[ \t]+([\w., \t]+)/gm;
/** In settings, applications and middleware are texts. */
const NAMED = /["']([A-Za-z_]\w*(?:\.\w+)*)["']/g;

/**
 * @param file its path in the project, which relative imports start from.
 * @returns dotted names as seen from the project's folder; of `from a import b` both "a" and "a.b".
 */
export function importedBy(file: string, text: string): string[] {
  const found = new Set<string>();
  const packageOf = file
    .replace(/^src\//, "")
    .split("/")
    .slice(0, -1);
  for (const [, dots = "", module = "", many, few = ""] of text.matchAll(FROM)) {
    const base = dots === "" ? [] : packageOf.slice(0, packageOf.length - (dots.length - 1));
    const from = [...base, ...(module === "" ? [] : [module])].join(".");
    if (from !== "") found.add(from);
    for (const name of (many ?? few).replace(/#[^\n]*/g, "").split(",")) {
      const first = /^\s*(\w+)/.exec(name)?.[1];
      if (first !== undefined) found.add(from === "" ? first : `${from}.${first}`);
    }
  }
  for (const [, list = ""] of text.matchAll(IMPORT)) {
    for (const name of list.split(",")) {
      const first = /^\s*([\w.]+)/.exec(name)?.[1];
      if (first !== undefined) found.add(first);
    }
  }
  if (file.includes("settings")) for (const [, name = ""] of text.matchAll(NAMED)) found.add(name);
  return [...found];
}
