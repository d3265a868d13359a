import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Refused } from "../findings/finding.ts";
import type { PythonTarget } from "../requirements/python-target.ts";
import { parseRequirement, type RequirementLine, written } from "../requirements/requirement-lines.ts";
import type { Requirements } from "../requirements/requirements.ts";
import { copySource } from "./copy-source.ts";
import type { Pip } from "./pip.ts";
import { buildFailed, missingPackage, noWheel } from "./pip-errors.ts";

/** Wheels made here out of sources, provided that they run anywhere. */
export class SourceBuild {
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
    const texts = [...this.#requirements.options, ...lines.map(written), ""];
    await writeFile(requirements, texts.join("\n"), { mode: 0o600 });
    await writeFile(constraints, [...this.#requirements.constraints, ""].join("\n"), { mode: 0o600 });
    return ["-r", requirements, "-c", constraints];
  }

  /** Builds a folder, archive or repository. @throws Refused, or EverspotError when the network fails. */
  async direct(line: RequirementLine): Promise<RequirementLine> {
    const { wheel, sha256 } = await this.#place({ ...line, marker: "" });
    const name = path.basename(wheel).split("-")[0] ?? "";
    const hashed = this.#requirements.lines.some((l) => l.hashes.length > 0);
    const marker = line.marker === "" ? "" : ` ; ${line.marker}`;
    return {
      ...parseRequirement(`${name}${line.extras} @ ${pathToFileURL(wheel)}${marker}`, this.#work),
      hashes: hashed ? [`sha256:${sha256}`] : [],
    };
  }

  /** A folder is built as a copy; only where that fails, it may need what is around it. */
  async #place(line: RequirementLine): Promise<{ wheel: string; sha256: string }> {
    const isFolder = line.name === undefined && line.local && (await isDirectory(line.text));
    if (!isFolder) return this.#wheel(line, []);
    const copy = path.join(this.#work, `source-${++this.#files}`, path.basename(line.text));
    await copySource(line.text, copy);
    try {
      return await this.#wheel({ ...line, text: copy }, []);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.#wheel(line, []);
    }
  }

  /**
   * Builds a package from an index from its source, which is checked against the hashes of its line.
   * @param missing as pip writes it, e.g. "docopt<1,>=0.6".
   * @returns the lines, changed to accept what was built.
   * @throws Refused, or EverspotError when the network fails.
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
    const about = { pip: this.#pip, target: this.#target, result, requirements: this.#requirements };
    if (!result.ok || file === undefined) {
      const nothing = missingPackage(result) !== undefined;
      throw await (nothing ? noWheel(line.text, "none", about) : buildFailed(line.text, about));
    }
    if (!/-py(2\.py)?3[0-9]*-none-any\.whl$/.test(file)) throw await noWheel(line.text, file, about);
    const data = await readFile(path.join(out, file));
    const wheel = path.join(this.wheels, file);
    await writeFile(wheel, data);
    return { wheel, sha256: createHash("sha256").update(data).digest("hex") };
  }
}

const isDirectory = async (place: string): Promise<boolean> =>
  (await stat(place).catch(() => undefined))?.isDirectory() ?? false;
