import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { compileFiles } from "../dependencies/bytecode.ts";
import { type Dependencies, DependencyCollector } from "../dependencies/dependencies.ts";
import { findCompiler } from "../dependencies/python.ts";
import { defaultCacheDir } from "../dependencies/tree-cache.ts";
import { type Finding, refuseErrors } from "../findings/finding.ts";
import type { Arch } from "../requirements/python-target.ts";
import { checkEntries, checkTotals, checkUnchanged, listEntries } from "./entries.ts";
import { djangoFindings, projectFindings, type SiteFacts } from "./findings.ts";
import { gatherDependencies, SUBJECT } from "./gather.ts";
import { type GitState, gitState, trackedButIgnored } from "./git.ts";
import { writeOwnMetadata } from "./own-metadata.ts";
import type { OnProgress } from "./progress.ts";
import { listProject } from "./project.ts";
import { writeZip } from "./zip.ts";

export interface PackOptions {
  /** The project: its files become the top level of the release. */
  folder: string;
  /** The instance's Python, e.g. "3.13". */
  python: string;
  arch: Arch;
  /** Where `release.zip` is made; a new temporary folder if not given. The caller removes it. */
  stagingDir?: string;
  /** Where dependency trees are kept between packs; the user's cache folder if not given. */
  cacheDir?: string;
  /** Files that look like secrets and may still go in: patterns as in `.gitignore`. */
  allow: readonly string[];
  /** Python packages that are left out, whatever requires them. */
  without?: readonly string[];
  /** What everspot.toml says that decides what is worth a warning. */
  site?: SiteFacts;
  /** For python, pip and git; this process's if not given. */
  env?: NodeJS.ProcessEnv;
  onProgress?: OnProgress;
  signal?: AbortSignal;
}

export interface Packed {
  /** The zip. */
  file: string;
  /** The zip's. */
  sha256: string;
  /** Bytes of the zip. */
  size: number;
  /** Bytes of all files once unpacked. */
  unpackedSize: number;
  files: number;
  git?: GitState;
  /** Set when dependencies are bundled: the Python they are for. */
  python?: string;
  /** Set when a bundled dependency has compiled code. */
  arch?: Arch;
  /** Whether the release holds bytecode for the instance's Python; if not, each instance makes its own. */
  bytecode: boolean;
  /** Bundled packages, "name version". */
  packages: string[];
  /** What a person should know: warnings. */
  findings: Finding[];
}

/**
 * Makes a release of a project folder: its files, the dependencies it declares and, when this machine has the
 * instance's Python, their bytecode. The same files and packages give the same bytes.
 * @throws EverspotError: secrets or unusable files (all in its lines), dependencies that cannot be had, a release
 * that is too large, files that changed meanwhile (retry). No zip is left then.
 */
export async function packRelease(options: PackOptions): Promise<Packed> {
  const env = options.env ?? process.env;
  const report = options.onProgress ?? (() => {});
  const target = { python: options.python, arch: options.arch };
  const { signal } = options;
  const folder = path.resolve(options.folder);

  report({ phase: "files", done: 0, unit: "files" });
  const listing = { tracked: await trackedButIgnored(folder, env), kept: options.site?.kept ?? [] };
  const project = await listProject(folder, listing);
  report({ phase: "files", done: project.files.length, total: project.files.length, unit: "files" });
  if (project.files.length === 0) {
    throw new EverspotError("the project has no files to release", {
      resource: folder,
      hint: "check that this is the right folder, and that .gitignore does not exclude everything",
    });
  }
  const git = await gitState(folder, env);
  const collector = new DependencyCollector(target, { env, signal, without: options.without ?? [] });
  const found = await projectFindings(project, folder, target, options);

  const given = options.stagingDir !== undefined;
  const staging = options.stagingDir ?? (await mkdtemp(path.join(tmpdir(), "everspot-release-")));
  await mkdir(staging, { recursive: true });
  const work = await mkdtemp(path.join(staging, ".packing-"));
  let dependencies: Dependencies | undefined;
  try {
    const cacheDir = options.cacheDir ?? defaultCacheDir(env);
    const gathered = await gatherDependencies(collector, folder, found, { cacheDir, onProgress: report });
    dependencies = gathered.dependencies;
    const packages = dependencies?.meta.packages ?? [];
    if (options.site !== undefined)
      refuseErrors(SUBJECT, await djangoFindings(project, options.site, gathered.from, packages));
    await writeOwnMetadata(folder, work, packages);
    const compiler = await findCompiler(target, env);
    if (compiler !== undefined) await compileFiles(compiler, folder, project.files, work, { env, signal });
    const entries = await listEntries(project, work, dependencies?.folder);
    const unpackedSize = entries.reduce((sum, entry) => sum + entry.size, 0);
    checkEntries(entries, folder);

    const file = path.join(staging, "release.zip");
    let done = 0;
    const zip = await writeZip(entries, file, {
      signal,
      onBytes: (bytes) => {
        done += bytes;
        report({ phase: "zip", done, total: unpackedSize, unit: "bytes" });
      },
    });
    try {
      checkTotals(entries, folder, zip.size);
      checkUnchanged(project, await listProject(folder, listing));
    } catch (error) {
      await rm(file);
      throw error;
    }
    return {
      file,
      ...zip,
      unpackedSize,
      files: entries.length,
      ...omitUndefined({
        git,
        python: dependencies && options.python,
        arch: dependencies?.meta.compiled ? options.arch : undefined,
      }),
      bytecode: compiler !== undefined && (dependencies === undefined || dependencies.meta.bytecode),
      packages,
      findings: gathered.findings,
    };
  } catch (error) {
    if (!given) await rm(staging, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
    await dependencies?.dispose();
  }
}
