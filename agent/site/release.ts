/** What both sides hold releases to. The packer refuses what the unpacker would refuse. Pure. */

/** Folder of a release that holds its bundled Python packages; on the app's PYTHONPATH before the release itself. */
export const BUNDLED_PYTHON = ".everspot/python";

/** `r000012-1a2b3c4d`: sorts by counter, and tells two contents apart. */
export const releaseId = (counter: number, sha256: string): string =>
  `r${String(counter).padStart(6, "0")}-${sha256.slice(0, 8)}`;

/** Whether a release is of this content, as far as its name tells. */
export const hasContent = (id: string, sha256: string): boolean => releaseId(counterOf(id), sha256) === id;

/** It names folders and units of the instance, and keys of the bucket. */
export const isReleaseId = (id: string): boolean => /^[A-Za-z0-9._-]{1,128}$/.test(id) && !/^\.+$/.test(id);

/** 0 for an id that is not ours. */
export const counterOf = (id: string): number => Number(/^r(\d{6,})-/.exec(id)?.[1] ?? 0);

export interface ReleaseLimits {
  /** Files and folders. */
  entries: number;
  /** Bytes of all files once unpacked. */
  bytes: number;
  /** Bytes of the zip. */
  zipBytes: number;
  /** Unpacked bytes per zipped byte, judged over the whole release. */
  ratio: number;
  /** Below this many unpacked bytes no ratio is suspicious. */
  ratioFloor: number;
}

/** Sized for an 8 GB root disk that holds the system and three releases. */
export const releaseLimits: ReleaseLimits = {
  entries: 100_000,
  bytes: 1_500_000_000,
  zipBytes: 1_000_000_000,
  ratio: 100,
  ratioFloor: 64_000_000,
};

/** @returns what is wrong with these totals, for a person, or undefined. */
export function totalsProblem(
  totals: { entries: number; bytes: number; zipBytes?: number | undefined },
  limits: ReleaseLimits,
): string | undefined {
  if (totals.entries > limits.entries) return `more than ${limits.entries} files and folders`;
  if (totals.bytes > limits.bytes) return `more than ${megabytes(limits.bytes)} unpacked`;
  if (totals.zipBytes === undefined) return undefined;
  if (totals.zipBytes > limits.zipBytes) return `more than ${megabytes(limits.zipBytes)} zipped`;
  if (totals.bytes > limits.ratioFloor && totals.bytes > limits.ratio * totals.zipBytes) {
    return `${megabytes(totals.bytes)} unpacked out of ${megabytes(totals.zipBytes)}, which looks like a zip bomb`;
  }
  return undefined;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** NAME_MAX of Linux; the whole path leaves room for the folder it is unpacked in below PATH_MAX (4096). */
const SEGMENT_BYTES = 255;
const PATH_BYTES = 2048;

/**
 * A path inside a release: relative, "/" between segments, no trailing slash.
 * @returns what is wrong with it, or undefined when it can only name something inside.
 */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "has an empty name";
  if (path.includes("\\")) return "has a backslash in its name";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return "has a control character in its name";
  if (path.includes("\ufffd")) return "has a name that is not UTF-8";
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "has an absolute path";
  if (Buffer.byteLength(path) > PATH_BYTES) return `has a path longer than ${PATH_BYTES} bytes`;
  for (const segment of path.split("/")) {
    if (segment === "..") return "leads out of its folder";
    if (segment === "" || segment === ".") return 'has an empty or "." segment in its path';
    if (Buffer.byteLength(segment) > SEGMENT_BYTES) return `has a name longer than ${SEGMENT_BYTES} bytes`;
  }
  return undefined;
}

/**
 * Notices paths that meet: the same twice, two that differ only in case or Unicode form (one file on some
 * disks, two on others), a file where another path needs a folder. Bundled packages may have names that differ in case
 * only: the project cannot rename them, and instances have disks that distinguish them.
 */
export class PathSet {
  readonly #seen = new Map<string, { path: string; folder: boolean }>();
  /** Those that were found good, with all above them. */
  readonly #parents = new Set<string>();

  /** @returns what is wrong with adding this path, or undefined. */
  add(path: string, folder: boolean): string | undefined {
    return this.#addParent(path) ?? this.#put(path, folder, false);
  }

  #addParent(path: string): string | undefined {
    const end = path.lastIndexOf("/");
    if (end < 0) return undefined;
    const parent = path.slice(0, end);
    if (this.#parents.has(parent)) return undefined;
    const problem = this.#addParent(parent) ?? this.#put(parent, true, true);
    if (problem === undefined) this.#parents.add(parent);
    return problem;
  }

  #put(path: string, folder: boolean, implied: boolean): string | undefined {
    const folded = path.startsWith(`${BUNDLED_PYTHON}/`) ? path : path.normalize("NFC").toLowerCase();
    const other = this.#seen.get(folded);
    if (other === undefined) {
      this.#seen.set(folded, { path, folder });
      return undefined;
    }
    if (other.path !== path) return `differs from ${JSON.stringify(other.path)} only in case or Unicode form`;
    if (other.folder !== folder) return "is both a file and a folder";
    return implied || folder ? undefined : "is there twice";
  }
}
