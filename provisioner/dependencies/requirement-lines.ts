import path from "node:path";

/** One requirement of a requirements file (pip's format). Pure. */
export interface RequirementLine {
  /** As pip takes it, without `--hash` options. */
  text: string;
  /** Normalised name (PEP 503); undefined for a path or URL without a name. */
  name: string | undefined;
  /** "sha256:…". */
  hashes: string[];
  /** It must be built first: a folder, a source archive or a repository, not a package from an index. */
  direct: boolean;
  /** `direct`, and a path on this machine: it can change without its line changing. */
  local: boolean;
  /** Only a single version is possible. */
  pinned: boolean;
}

/** Says for each marker (PEP 508) whether it holds on the instance. */
export type EvaluateMarkers = (markers: readonly string[]) => Promise<Map<string, boolean>>;

export const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

/** Logical lines: continuation lines joined, comments and blank lines dropped. */
export function logicalLines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .replace(/\\\r?\n/g, " ")
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** @param folder where relative paths of the line start. */
export function parseRequirement(line: string, folder: string): RequirementLine {
  const hashes = [...line.matchAll(/\s--hash[= ](\S+)/g)].map((m) => m[1] ?? "");
  const bare = line
    .replace(/\s--hash[= ]\S+/g, "")
    .replace(/^(-e|--editable)[= ]?\s*/, "")
    .trim();
  const named = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*(@?)(.*)$/s.exec(bare);
  const isPath = /^(\.{0,2}\/|\.{1,2}$|file:)/.test(bare) || /^[^\s@;=<>]+\/[^\s]*$/.test(bare);
  const isUrl = /^([a-z]+\+)?[a-z]+:\/\//.test(bare) || /^git\+/.test(bare);
  if (isPath || isUrl || named === null) {
    const local = !/^([a-z]+\+)?(https?|ssh|git):/.test(bare);
    const text = local && !bare.startsWith("file:") ? path.resolve(folder, bare) : bare;
    return { text, name: undefined, hashes, direct: !isWheel(bare), local, pinned: !local };
  }
  const rest = named[4] ?? "";
  const at = named[3] === "@";
  const specifier = rest.split(";")[0] ?? "";
  return {
    text: bare,
    name: normalName(named[1] ?? ""),
    hashes,
    direct: at && !isWheel(specifier),
    local: at && /^\s*file:/.test(rest),
    pinned: at ? /[@#][0-9a-f]{40}\b|#sha256=/.test(rest) : /^\s*={2,3}\s*[^*,\s]+\s*$/.test(specifier),
  };
}

const isWheel = (text: string): boolean => /\.whl($|[#?\s])/.test(text);
