/** Learns of a project what a proposal is made from: with its own Python, or with the packages of a release. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import { knownWayOut } from "../dependencies/known-packages.ts";
import type { OnProgress } from "../dependencies/progress.ts";
import { type Finding, Refused } from "../findings/finding.ts";
import { PYTHONS } from "../project/inspect.ts";
import type { Layout } from "../project/layout.ts";
import { learn } from "../project/learn.ts";
import { declaredIn, type PackedPython, packedPython, unbuilt } from "../project/packed.ts";
import { openWorkspace } from "../project/workspace.ts";
import { djangoFindings } from "../release/findings.ts";
import { secretFiles } from "../release/guard.ts";
import { djangoIn } from "./names.ts";
import type { Situation } from "./situation.ts";

export interface LearnOptions {
  env: NodeJS.ProcessEnv;
  onProgress: OnProgress;
  signal: AbortSignal;
  /** What an existing everspot.toml says. */
  os?: Situation["os"] | undefined;
  without?: readonly string[] | undefined;
  debianPackages?: readonly string[] | undefined;
  settings?: string | undefined;
}

export interface Prepared {
  situation: Omit<Situation, "site" | "region" | "domain">;
  packed: PackedPython | undefined;
  /** Why the packages of a release cannot be had, for either Debian. */
  unpackable: EverspotError | undefined;
  /** What a release of what is declared would lack, though it can be packed. */
  lacking: readonly Finding[];
}

/** The caller disposes of what was packed. */
export async function prepare(layout: Layout, options: LearnOptions): Promise<Prepared> {
  const { env } = options;
  const generatedBy = await generatedWith(layout);
  const declared = await declaredIn(layout.folder);
  // Which Debian it is to be, what is declared decides.
  let made = declared === undefined ? undefined : await packFor(layout.folder, options);
  const workspace = await openWorkspace(layout.files);
  try {
    const known = {
      ...{ env: {}, secrets: [], settings: options.settings, packedFirst: declared !== undefined },
      further: [{ do: ["packages" as const], seconds: 60 }],
    };
    const packed = async () => {
      made ??= await packAlone(generatedBy, options);
      return made.packed.interpreter;
    };
    const learnt = await learn(layout, workspace, known, packed, env);
    const error = declared === undefined ? undefined : made?.packed.error;
    if (error !== undefined && !(error instanceof EverspotError)) throw error;
    const names = declared === undefined ? [] : (made?.packed.packages ?? []);
    return {
      situation: {
        ...{ learnt, declared, generatedBy },
        os: options.os ?? made?.os ?? osFor(generatedBy ?? learnt.facts?.django),
        without: (declared === undefined ? undefined : made?.without) ?? [],
        packages: names.length > 0 ? names : (learnt.started?.answer.packages ?? []),
        secretFiles: await secretFiles(layout.files),
        ignored: await readFile(path.join(layout.folder, ".everspotignore"), "utf8").catch(() => undefined),
      },
      packed: made?.packed,
      unpackable: error instanceof EverspotError ? error : undefined,
      lacking:
        error === undefined
          ? await djangoFindings(layout, { debianPackages: options.debianPackages ?? [] }, declared, names)
          : [],
    };
  } catch (error) {
    await made?.packed.dispose();
    throw error;
  } finally {
    await workspace.remove();
  }
}

/** Django before 4.2 imports cgi, which Python 3.13 has no more (https://peps.python.org/pep-0594/). */
const osFor = (django: string | null | undefined): Situation["os"] =>
  /^([123]|4\.[01])\b/.test(django ?? "") ? "debian-12" : "debian-13";

interface Made {
  packed: PackedPython;
  os: Situation["os"];
  without: readonly string[];
}

/** For the first Debian whose Python has all packages; where none has, for that which lacks the fewest. */
async function packFor(folder: string, { os, without = [], ...rest }: LearnOptions): Promise<Made> {
  const pack = async (system: Situation["os"], partly: boolean, out = without): Promise<Made> => {
    const options = { ...rest, partly, without: out, arch: "x86_64" } as const;
    const packed = await packedPython(folder, PYTHONS[system], options);
    const needless = unbuilt(packed.error).filter((name) => knownWayOut(name)?.needless !== undefined);
    if (needless.length === 0) return { packed, os: system, without: out };
    await packed.dispose();
    return pack(system, partly, [...out, ...needless]);
  };
  const first = await pack(os ?? "debian-13", false);
  if (first.packed.error === undefined) return first;
  let best = first;
  if (os === undefined && mightFit(first.packed, "debian-12")) {
    const other = await pack("debian-12", false);
    if (other.packed.error === undefined) return other;
    if (lacks(other.packed) < lacks(best.packed)) best = other;
  }
  return pack(best.os, true, best.without);
}

const lacks = ({ error }: PackedPython): number =>
  error instanceof Refused ? error.findings.length : Number.POSITIVE_INFINITY;

/** What cannot be had says whether it could be had there. */
const mightFit = ({ error }: PackedPython, system: string): boolean =>
  error instanceof Refused && error.findings.some((f) => f.hint.includes(system));

/** Django alone, which will be in requirements.txt if there is nothing yet. */
async function packAlone(generatedBy: string | undefined, options: LearnOptions): Promise<Made> {
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-init-"));
  try {
    const line = `Django${generatedBy === undefined ? "" : `~=${generatedBy}`}\n`;
    await writeFile(path.join(folder, "requirements.txt"), line);
    return await packFor(folder, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function generatedWith({ files }: Layout): Promise<string | undefined> {
  for (const { path: name, source } of files) {
    if (!/(^|\/)settings(\/\w+)?\.py$/.test(name)) continue;
    const version = djangoIn(await readFile(source, "utf8"));
    if (version !== undefined) return version;
  }
  return undefined;
}
