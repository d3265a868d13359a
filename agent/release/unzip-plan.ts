import yauzl from "yauzl";
import { EverspotError } from "../site/errors.ts";
import { PathSet, pathProblem, type ReleaseLimits, totalsProblem } from "../site/release.ts";
import { LOCAL_HEADER } from "./unzip-reader.ts";

/** One file of a zip, checked. */
export interface PlannedFile {
  path: string;
  executable: boolean;
  deflated: boolean;
  /** Where the local header is in the zip. */
  offset: number;
  compressedSize: number;
  size: number;
  crc32: number;
}

export interface UnzipPlan {
  /** In the zip's order. */
  files: PlannedFile[];
  /** Every folder, parents first. */
  folders: string[];
  bytes: number;
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const kinds = new Map([
  [0o120000, "symbolic link"],
  [0o020000, "character device"],
  [0o060000, "block device"],
  [0o010000, "named pipe"],
  [0o140000, "socket"],
]);

/**
 * Reads a zip's directory and refuses whatever could write outside, overwrite, fill the disk or be read in two
 * ways, before a byte is written. Holds one small object per entry, so memory is bounded by `limits.entries`.
 * @throws EverspotError naming the entry.
 */
export async function planUnzip(zip: yauzl.ZipFile, file: string, limits: ReleaseLimits): Promise<UnzipPlan> {
  const refuse = (what: string, hint = "make the release again with `everspot deploy`"): never => {
    throw new EverspotError(what, { resource: file, hint });
  };
  const check = (problem: string | undefined) => {
    if (problem !== undefined)
      refuse(`the release is too large: ${problem}`, "leave files out through .everspotignore");
  };
  check(totalsProblem({ entries: zip.entryCount, bytes: 0, zipBytes: zip.fileSize }, limits));

  const seen = new PathSet();
  const folders = new Set<string>();
  const files: PlannedFile[] = [];
  let entries = 0;
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    const raw = yauzl.getFileNameLowLevel(
      entry.generalPurposeBitFlag,
      entry.fileNameRaw,
      entry.extraFields,
      true,
    );
    const shown = JSON.stringify(raw.length > 200 ? `${raw.slice(0, 200)}…` : raw);
    const isFolder = raw.endsWith("/");
    const path = isFolder ? raw.slice(0, -1) : raw;
    const problem = pathProblem(path) ?? entryProblem(entry, isFolder) ?? seen.add(path, isFolder);
    if (problem !== undefined)
      refuse(`the release has an entry that is not safe to unpack: ${shown} ${problem}`);

    entries += 1;
    bytes += entry.uncompressedSize;
    check(totalsProblem({ entries, bytes, zipBytes: zip.fileSize }, limits));
    addFolders(folders, isFolder ? `${path}/` : path);
    if (isFolder) continue;
    files.push({
      path,
      executable: ((entry.externalFileAttributes >>> 16) & 0o111) !== 0,
      deflated: entry.compressionMethod === 8,
      offset: entry.relativeOffsetOfLocalHeader,
      compressedSize: entry.compressedSize,
      size: entry.uncompressedSize,
      crc32: entry.crc32,
    });
  }
  check(totalsProblem({ entries: files.length + folders.size, bytes }, limits));
  const overlapping = overlap(files);
  if (overlapping !== undefined) {
    refuse(
      `the release has entries that share bytes: ${JSON.stringify(overlapping)}, which looks like a zip bomb`,
    );
  }
  return { files, folders: [...folders].sort(), bytes };
}

function entryProblem(entry: yauzl.Entry, isFolder: boolean): string | undefined {
  const type = (entry.externalFileAttributes >>> 16) & S_IFMT;
  if (type !== 0 && type !== S_IFREG && type !== S_IFDIR) return `is a ${kinds.get(type) ?? "special file"}`;
  if (type === (isFolder ? S_IFREG : S_IFDIR)) return "is both a file and a folder";
  if (entry.isEncrypted()) return "is encrypted";
  if (!entry.canDecodeFileData()) return `is compressed by method ${entry.compressionMethod}, not by deflate`;
  if (isFolder && entry.uncompressedSize !== 0) return "is a folder with data";
  if (!Number.isSafeInteger(entry.uncompressedSize) || !Number.isSafeInteger(entry.compressedSize)) {
    return "has an impossible size";
  }
  return undefined;
}

function addFolders(folders: Set<string>, path: string): void {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const folder = path.slice(0, end);
    if (folders.has(folder)) return;
    folders.add(folder);
  }
}

/** Bytes used by two entries are how a small zip unpacks to petabytes without a suspicious entry. */
function overlap(files: readonly PlannedFile[]): string | undefined {
  const ordered = [...files].sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const f of ordered) {
    if (f.offset < end) return f.path;
    end = f.offset + LOCAL_HEADER + f.compressedSize;
  }
  return undefined;
}
