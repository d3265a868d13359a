import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Pip, PipResult } from "./pip.ts";
import { buildFailed, installFailed, missingPackage, noWheel } from "./pip-errors.ts";
import type { OnProgress } from "./progress.ts";
import { type PythonTarget, targetOptions } from "./python-target.ts";
import { normalName, parseRequirement, type RequirementLine } from "./requirement-lines.ts";
import type { Requirements } from "./requirements.ts";

/**
 * Installs what is required into `tree`, for the instance's Python and not for this machine's. Packages without a
 * wheel are built here, provided that the result runs anywhere.
 * @param work an empty folder for intermediate files.
 * @throws EverspotError naming the package that cannot be had.
 */
export async function install(
  requirements: Requirements,
  target: PythonTarget,
  pip: Pip,
  tree: string,
  work: string,
  onProgress: OnProgress,
): Promise<void> {
  const build = new SourceBuild(pip, requirements, target, work);
  let lines: RequirementLine[] = [];
  for (const line of requirements.lines) {
    if (line.direct)
      onProgress({ phase: "dependencies", done: 0, unit: "packages", detail: `building ${line.text}` });
    lines.push(line.direct ? await build.direct(line) : line);
  }
  const built = new Set<string>();
  for (;;) {
    const result = await pipInstall({ ...requirements, lines }, target, pip, tree, build, onProgress);
    if (result.ok) return;
    const missing = missingPackage(result);
    const name = normalName(/^[A-Za-z0-9._-]+/.exec(missing ?? "")?.[0] ?? "");
    if (missing === undefined || built.has(name)) throw installFailed(result, requirements.from);
    built.add(name);
    onProgress({ phase: "dependencies", done: built.size, unit: "packages", detail: `building ${missing}` });
    lines = await build.indexed(missing, name, lines);
  }
}

async function pipInstall(
  requirements: Requirements,
  target: PythonTarget,
  pip: Pip,
  tree: string,
  build: SourceBuild,
  onProgress: OnProgress,
): Promise<PipResult> {
  const total = requirements.complete ? { total: requirements.lines.length } : {};
  let done = 0;
  return pip.run(
    [
      ...["install", "--target", tree, "--no-compile", "--no-warn-script-location"],
      ...targetOptions(target),
      ...(requirements.complete ? ["--no-deps"] : []),
      ...["--find-links", build.wheels],
      ...(await build.files(requirements.lines)),
    ],
    (line) => {
      const collected = /^(?:Collecting|Processing) (\S+)/.exec(line)?.[1];
      if (collected === undefined) return;
      done += 1;
      onProgress({
        phase: "dependencies",
        done,
        ...total,
        unit: "packages",
        detail: path.basename(collected),
      });
    },
  );
}

class SourceBuild {
  /** Folder of the wheels built here. */
  readonly wheels: string;
  readonly #pip: Pip;
  readonly #requirements: Requirements;
  readonly #target: PythonTarget;
  readonly #work: string;
  #files = 0;

  constructor(pip: Pip, requirements: Requirements, target: PythonTarget, work: string) {
    this.#pip = pip;
    this.#requirements = requirements;
    this.#target = target;
    this.#work = work;
    this.wheels = path.join(work, "wheels");
  }

  /** Writes lines, constraints and options to files. @returns pip's arguments that name them. */
  async files(lines: readonly RequirementLine[]): Promise<string[]> {
    await mkdir(this.wheels, { recursive: true });
    const number = ++this.#files;
    const requirements = path.join(this.#work, `requirements-${number}.txt`);
    const constraints = path.join(this.#work, `constraints-${number}.txt`);
    const texts = lines.map((l) => [l.text, ...l.hashes.map((h) => `--hash=${h}`)].join(" "));
    await writeFile(requirements, [...this.#requirements.options, ...texts, ""].join("\n"), { mode: 0o600 });
    await writeFile(constraints, [...this.#requirements.constraints, ""].join("\n"), { mode: 0o600 });
    return ["-r", requirements, "-c", constraints];
  }

  /** Builds a folder, archive or repository. */
  async direct(line: RequirementLine): Promise<RequirementLine> {
    const { wheel, sha256 } = await this.#wheel(line, []);
    const name = path.basename(wheel).split("-")[0] ?? "";
    const hashed = this.#requirements.lines.some((l) => l.hashes.length > 0);
    const marker = / ;.*$/.exec(line.text)?.[0] ?? "";
    return {
      ...parseRequirement(`${name} @ ${pathToFileURL(wheel)}${marker}`, this.#work),
      hashes: hashed ? [`sha256:${sha256}`] : [],
    };
  }

  /**
   * Builds a package from an index from its source, which is checked against the hashes of its line.
   * @returns the lines, changed to accept what was built.
   */
  async indexed(
    missing: string,
    name: string,
    lines: readonly RequirementLine[],
  ): Promise<RequirementLine[]> {
    const own = lines.find((l) => l.name === name);
    const line = { ...parseRequirement(missing, this.#work), hashes: own?.hashes ?? [] };
    const { sha256 } = await this.#wheel(line, [`--no-binary=${name}`]);
    return lines.map((l) => (l === own && l.hashes.length > 0 ? { ...l, hashes: [`sha256:${sha256}`] } : l));
  }

  async #wheel(
    line: RequirementLine,
    options: readonly string[],
  ): Promise<{ wheel: string; sha256: string }> {
    const out = path.join(this.#work, `built-${++this.#files}`);
    await mkdir(out, { recursive: true });
    const from = await this.files([line]);
    const result = await this.#pip.run(["wheel", "--no-deps", "--wheel-dir", out, ...options, ...from]);
    const [file] = await readdir(out);
    if (!result.ok || file === undefined) {
      const nothing = missingPackage(result) !== undefined;
      throw nothing
        ? noWheel(line.text, this.#target, result, "none")
        : buildFailed(line.text, this.#target, result);
    }
    if (!/-py(2\.py)?3[0-9]*-none-any\.whl$/.test(file)) {
      throw noWheel(line.text, this.#target, result, file);
    }
    const data = await readFile(path.join(out, file));
    const wheel = path.join(this.wheels, file);
    await writeFile(wheel, data);
    return { wheel, sha256: createHash("sha256").update(data).digest("hex") };
  }
}
