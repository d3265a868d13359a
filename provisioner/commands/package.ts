import { copyFile, rm } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { showFindings } from "../operator/show-findings.ts";
import { took } from "../operator/terminal.ts";
import type { Packed } from "../release/pack.ts";
import { tellProgress } from "../release/tell-progress.ts";
import type { ProjectTools } from "./project-tools.ts";

/** `everspot deploy --package FILE`: makes the release, as this file, and deploys nothing. */
export async function runPackage(
  config: SiteConfig,
  tools: ProjectTools,
  options: { allow: readonly string[] },
  file: string,
): Promise<void> {
  const { terminal, clock } = tools;
  const began = clock.now();
  const packed = await pack(config, tools, options, tools.interrupted());
  try {
    showFindings(terminal, packed.findings);
    await copyFile(packed.file, file).catch((cause: NodeJS.ErrnoException) => {
      throw new EverspotError(`${file} could not be written: ${cause.message}`, { resource: file, cause });
    });
  } finally {
    await discard(packed);
  }
  const { sha256, size, unpackedSize, files, packages, bytecode, python, arch, git, findings } = packed;
  const seconds = (clock.now() - began) / 1000;
  const facts = { sha256, size, unpackedSize, files, packages, bytecode, python, arch, git, findings };
  terminal.json({ command: "deploy", site: config.site, package: path.resolve(file), ...facts, seconds });
  terminal.print(`${file}: ${sizeOf(packed)} (${took(seconds)}); nothing was deployed`);
}

/** A release of the project's folder; `discard` it in the end. */
export const pack = (
  config: SiteConfig,
  tools: ProjectTools,
  { allow }: { allow: readonly string[] },
  signal: AbortSignal,
): Promise<Packed> => tools.pack(config, { allow, signal, onProgress: tellProgress(tools.terminal.say) });

export const discard = ({ file }: Packed): Promise<void> =>
  rm(path.dirname(file), { recursive: true, force: true });

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

export const sizeOf = ({ files, size, packages }: Packed): string =>
  `${counted(files, "file")}, ${packages.length === 0 ? "" : `${counted(packages.length, "package")}, `}${(size / 1e6).toFixed(1)} MB`;
