import path from "node:path";
import { pathToFileURL } from "node:url";

/** One requirement of a requirements file (pip's format). Pure. */
export interface RequirementLine {
  /** As pip takes it, without `--hash` options; of a folder or file without a name its path alone. */
  text: string;
  /** Normalised name (PEP 503); undefined for a path or URL without a name. */
  name: string | undefined;
  /** "[argon2]", or "". */
  extras: string;
  /** The condition (PEP 508), or "". */
  marker: string;
  /** "sha256:…". */
  hashes: string[];
  /** It must be built first: a folder, a source archive or a repository, not a package from an index. */
  direct: boolean;
  /** `direct`, and a path on this machine: it can change without its line changing. */
  local: boolean;
  /** Only a single version is possible. */
  pinned: boolean;
  /** What a lock has of it; undefined when nothing is known about that. */
  offered?: Offered;
}

/** The files of a package that a lock allows. */
export interface Offered {
  /** File names. */
  wheels: readonly string[];
  /** Whether there is a source to build. */
  source: boolean;
}

/** Says for each marker (PEP 508) whether it holds on the instance. */
export type EvaluateMarkers = (markers: readonly string[]) => Promise<Map<string, boolean>>;

export const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

/** The name that a requirement begins with; "" when it begins with none. */
export const leadingName = (text: string): string =>
  normalName(/^\s*([A-Za-z0-9._-]+)/.exec(text)?.[1] ?? "");

/** Logical lines: continuation lines joined, comments and blank lines dropped. */
export function logicalLines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .replace(/\\\r?\n/g, " ")
    .split(/\r?\n|\r/)
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** @param folder where relative paths of the line start. */
export function parseRequirement(line: string, folder: string): RequirementLine {
  const hashes = [...line.matchAll(/\s--hash[= ](\S+)/g)].map((m) => m[1] ?? "");
  const bare = line
    .replace(/\s--hash[= ]\S+/g, "")
    .replace(/^(-e|--editable)[= ]?\s*/, "")
    .trim()
    .replace(/^(["'])(.*)\1$/, "$2");
  const named = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*(@?)(.*)$/s.exec(bare);
  const isPath = /^(\.{0,2}\/|\.{1,2}($|[[\s;])|file:)/.test(bare) || /^[^\s@;=<>]+\/[^;]*$/.test(bare);
  const isUrl = /^([a-z]+\+)?[a-z]+:\/\//.test(bare) || /^git\+/.test(bare);
  if (isPath || isUrl || named === null) {
    const [, where = bare, marker = ""] = /^(.*?)(?:\s+;\s*(.*))?$/s.exec(bare) ?? [];
    const local = !/^([a-z]+\+)?(https?|ssh|git):/.test(where);
    const [, place = where, extras = ""] =
      local && !where.startsWith("file:") ? (/^(.*?)\s*(\[[^\]/]*\])?$/.exec(where) ?? []) : [];
    const text = local && !where.startsWith("file:") ? path.resolve(folder, place) : where;
    const facts = { hashes, direct: !isWheel(where), local, pinned: !local && isCommit(where) };
    return { text, name: undefined, extras, marker, ...facts };
  }
  const rest = named[4] ?? "";
  const at = named[3] === "@";
  const [specifier = "", marker = ""] = at ? rest.split(/\s;/) : rest.split(";");
  return {
    text: bare,
    name: normalName(named[1] ?? ""),
    extras: named[2] ?? "",
    marker: marker.trim(),
    hashes,
    direct: at && !isWheel(specifier),
    local: at && /^\s*file:/.test(rest),
    pinned: at ? isCommit(rest) : /^\s*={2,3}\s*[^*,\s]+\s*$/.test(specifier),
  };
}

const isWheel = (text: string): boolean => /\.whl($|[#?\s])/.test(text);
const isCommit = (text: string): boolean => /[@#][0-9a-f]{40}\b|#sha256=/.test(text);

/** The line as it stands in a requirements file. Paths become URLs: pip splits lines at spaces and dashes. */
export function written(line: RequirementLine): string {
  const isPlace = line.name === undefined && path.isAbsolute(line.text);
  const text = isPlace ? pathToFileURL(line.text).href : line.text;
  const marker = line.name === undefined && line.marker !== "" ? ` ; ${line.marker}` : "";
  return [text + marker, ...line.hashes.map((h) => `--hash=${h}`)].join(" ");
}
