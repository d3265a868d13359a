/** What an instance runs: Node, the agent and its units, as one archive pinned by its hash (DESIGN §12). */
import { createHash } from "node:crypto";
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Encoding } from "../../agent/site/store.ts";
import { type Arch, nodePackage, nodeRuntime } from "./node-runtime.ts";
import { inPackage } from "./package.ts";
import { stripElf } from "./strip.ts";
import { type TarEntry, writeTar } from "./tar-writer.ts";

export interface AgentArchive {
  /** A compressed tar, to be uploaded as `keys.agent(sha256)`. */
  file: string;
  encoding: Encoding;
  /**
   * Hex, of the tar inside, not of the compressed file: compressors differ between computers, and the same agent
   * must have the same name wherever `everspot up` runs.
   */
  sha256: string;
  /** Bytes of `file`. */
  size: number;
}

export interface AgentSources {
  /** Bundles of the agent, and of what keeps a site's state. */
  agentFile: string;
  stateFile: string;
  /** Files that stand before the Python of a site with state. */
  pythonDir: string;
  unitsDir: string;
  cacheDir: string;
}

export const agentSources = (): AgentSources => ({
  agentFile: inPackage("dist/agent.mjs"),
  stateFile: inPackage("dist/state.mjs"),
  pythonDir: inPackage("agent/state/wrapper"),
  unitsDir: inPackage("user-data/units"),
  cacheDir: join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "everspot"),
});

/**
 * Builds the archive for a processor, or finds it in the cache. The same sources give the same hash on every computer.
 * @throws EverspotError when Node cannot be had, or the agent was not built.
 */
export async function buildAgentArchive(
  arch: Arch,
  sources: AgentSources = agentSources(),
): Promise<AgentArchive> {
  const own: TarEntry[] = [
    { path: "agent.mjs", mode: 0o644, content: await bundle(sources.agentFile) },
    { path: "state.mjs", mode: 0o644, content: await bundle(sources.stateFile) },
    ...(await folderEntries(sources.pythonDir, "python", (name) => name.endsWith(".py"))),
    ...(await folderEntries(sources.unitsDir, "units")),
  ];
  const file = join(sources.cacheDir, `agent-${arch}-${inputHash(arch, own)}.tar.${encoding}`);
  const known = await readCached(file);
  if (known !== undefined) return known;

  const node = stripElf(await readFile(await nodeRuntime(arch, sources.cacheDir)));
  const tar = writeTar([{ path: "node", mode: 0o755, content: node }, ...own]);
  const packed = await compress(tar);
  const made = { sha256: createHash("sha256").update(tar).digest("hex"), size: packed.length };
  await place(file, packed);
  await place(noteOf(file), JSON.stringify(made));
  await removeOld(sources.cacheDir, arch);
  return { file, encoding, ...made };
}

const { constants } = zlib;

/**
 * What the instance's curl unpacks as it downloads: zstd in half the time of Brotli, and that in half the time of gzip.
 * Node 20 has no zstd. Higher levels take minutes and save little.
 */
const encoding: Encoding = "zstdCompress" in zlib ? "zstd" : "br";
const compress = (tar: Buffer): Promise<Buffer> =>
  encoding === "zstd"
    ? promisify(zlib.zstdCompress)(tar, {
        params: { [constants.ZSTD_c_compressionLevel]: 9, [constants.ZSTD_c_windowLog]: 24 },
      })
    : promisify(zlib.brotliCompress)(tar, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: 5,
          [constants.BROTLI_PARAM_LGWIN]: 24,
          [constants.BROTLI_PARAM_SIZE_HINT]: tar.length,
        },
      });

/** Identifies the archive without building it: by all that goes into it, and the form it is written in. */
function inputHash(arch: Arch, entries: readonly TarEntry[]): string {
  const hash = createHash("sha256").update(`1 ${encoding} ${nodePackage(arch).integrity}\n`);
  for (const { path, mode, content } of entries)
    hash.update(`${path} ${mode} ${content.length}\n`).update(content);
  return hash.digest("hex").slice(0, 32);
}

const noteOf = (file: string): string => file.replace(/\.tar\.\w+$/, ".json");

async function readCached(file: string): Promise<AgentArchive | undefined> {
  try {
    const { sha256, size } = JSON.parse(await readFile(noteOf(file), "utf8")) as {
      sha256: string;
      size: number;
    };
    if ((await stat(file)).size !== size) return undefined;
    // Who works with several versions at once keeps those in use.
    const now = new Date();
    await utimes(file, now, now);
    return { file, encoding, sha256, size };
  } catch {
    return undefined;
  }
}

/** Whole or not at all, even when two programs do it at once. */
async function place(file: string, content: Buffer | string): Promise<void> {
  const next = `${file}.${process.pid}.next`;
  await writeFile(next, content);
  await rename(next, file);
}

const bundle = (file: string): Promise<Buffer> =>
  readFile(file).catch((cause: unknown) => {
    throw new EverspotError("the agent's bundle is missing", {
      resource: file,
      hint: "in a clone of everspot, run `npm run build`; an installed everspot includes it, so reinstall it",
      cause,
    });
  });

async function folderEntries(
  folder: string,
  as: string,
  wanted: (name: string) => boolean = () => true,
): Promise<TarEntry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const entries = await Promise.all(
    found
      .filter((entry) => wanted(entry.name))
      .map(async (entry): Promise<TarEntry> => {
        const full = join(entry.parentPath, entry.name);
        const path = `${as}/${full.slice(folder.length + 1).replaceAll("\\", "/")}`;
        if (entry.isDirectory()) return { path: `${path}/`, mode: 0o755, content: Buffer.alloc(0) };
        return { path, mode: 0o644, content: await readFile(full) };
      }),
  );
  const top: TarEntry = { path: `${as}/`, mode: 0o755, content: Buffer.alloc(0) };
  return [top, ...entries.sort((a, b) => (a.path < b.path ? -1 : 1))];
}

/** An archive takes some 40 MB; only those used last are worth keeping. */
async function removeOld(folder: string, arch: Arch): Promise<void> {
  const names = (await readdir(folder)).filter(
    (n) => n.startsWith(`agent-${arch}-`) && /\.tar\.\w+$/.test(n),
  );
  const dated = await Promise.all(
    names.map(async (name) => ({ file: join(folder, name), at: (await stat(join(folder, name))).mtimeMs })),
  );
  for (const { file } of dated.sort((a, b) => b.at - a.at).slice(3)) {
    await rm(file, { force: true });
    await rm(noteOf(file), { force: true });
  }
}
