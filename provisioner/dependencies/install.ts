import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { type Finding, Refused } from "../findings/finding.ts";
import { confusion, type OwnNames, ownNames } from "../requirements/own-names.ts";
import { type PythonTarget, targetOptions } from "../requirements/python-target.ts";
import { readToml } from "../requirements/read.ts";
import { leadingName, normalName, type RequirementLine } from "../requirements/requirement-lines.ts";
import type { Requirements } from "../requirements/requirements.ts";
import { knownWayOut } from "./known-packages.ts";
import { takeOut } from "./leave-out.ts";
import type { Pip, PipResult } from "./pip.ts";
import {
  forOtherPython,
  installFailed,
  isAway,
  missingPackage,
  NOT_INSTALLED,
  withoutWheel,
} from "./pip-errors.ts";
import type { OnProgress } from "./progress.ts";
import { SourceBuild } from "./source-build.ts";
import { lockedAs, lockedForOthers, standInVersion } from "./without-wheel.ts";

/**
 * Installs what is required into `tree`, for the instance's Python and not for this machine's. Packages without a
 * wheel are built here, provided that the result runs anywhere; what is known not to do so is not waited for.
 * @param work an empty folder for intermediate files.
 * @throws Refused naming every package that cannot be had.
 */
export async function install(
  requirements: Requirements,
  target: PythonTarget,
  pip: Pip,
  tree: string,
  work: string,
  onProgress: OnProgress,
): Promise<void> {
  const installation = new Installation(requirements, target, pip, work, onProgress);
  const own = await allOwnNames(requirements);
  let lines = await installation.prepare();
  const built = new Set<string>();
  for (;;) {
    const result = await installation.run(lines, tree);
    if (result.ok) break;
    const missing = missingPackage(result);
    const about = { pip, target, result, requirements };
    const hopeless = missing === undefined || built.has(leadingName(missing)) || isAway(result);
    if (hopeless) throw await installFailed(about);
    refuseOwn([leadingName(missing)], own, lines, requirements.from);
    const found = await installation.findMissing(missing, result, lines);
    const all = await installation.leaveOut(found);
    await installation.refuseHopeless(all);
    lines = await installation.build(all, lines);
    for (const { requirement } of found) built.add(leadingName(requirement));
  }
  await takeOut(tree, requirements.without);
  const installed = (await readdir(tree)).flatMap((name) => /^(.+?)-[^-]+\.dist-info$/.exec(name)?.[1] ?? []);
  refuseOwn(installed.map(normalName), own, lines, requirements.from);
}

/** With those of the folders that are built: what they need may be their neighbours. */
async function allOwnNames(requirements: Requirements): Promise<OwnNames> {
  const folders = requirements.lines.filter((l) => l.local && l.direct && path.isAbsolute(l.text));
  const more = await Promise.all(
    folders.map(async (l) =>
      ownNames(await readToml(path.join(l.text, "pyproject.toml")).catch(() => undefined)),
    ),
  );
  return new Map([...requirements.own, ...more.flatMap((m) => [...m])]);
}

/** What others require by name alone comes from the index, too. */
function refuseOwn(
  names: readonly string[],
  own: OwnNames,
  lines: readonly RequirementLine[],
  from: string,
): void {
  const sure = new Set(
    lines.filter((l) => l.local || l.hashes.length > 0 || / @ /.test(l.text)).map((l) => l.name),
  );
  const found = names.flatMap((name) => {
    const place = sure.has(name) ? undefined : own.get(name);
    return place === undefined ? [] : [confusion(name, place, from)];
  });
  if (found.length > 0) throw new Refused(NOT_INSTALLED, found);
}

/** So many packages without a wheel are looked for at once; a project that has more hears about the others later. */
const MOST_MISSING = 25;

/** A package that has no wheel. */
interface Missing {
  /** As pip writes it, e.g. "docopt<1,>=0.6". */
  requirement: string;
  /** Undefined when pip was not asked: a lock says so. */
  result: PipResult | undefined;
}

class Installation {
  readonly #requirements: Requirements;
  readonly #target: PythonTarget;
  readonly #pip: Pip;
  readonly #work: string;
  readonly #onProgress: OnProgress;
  readonly #build: SourceBuild;

  constructor(
    requirements: Requirements,
    target: PythonTarget,
    pip: Pip,
    work: string,
    onProgress: OnProgress,
  ) {
    this.#requirements = requirements;
    this.#target = target;
    this.#pip = pip;
    this.#work = work;
    this.#onProgress = onProgress;
    this.#build = new SourceBuild(pip, requirements, target, work);
  }

  /** Builds what is known to need it: folders, repositories, and packages that a lock has without a wheel. */
  async prepare(): Promise<RequirementLine[]> {
    const { lines, from } = this.#requirements;
    const as = (kind: string) => lines.filter((line) => lockedAs(line, this.#target) === kind);
    const others = as("nothing").map((line) => lockedForOthers(line, this.#target, from));
    const sources = as("build").map((line) => ({ requirement: line.text, result: undefined }));
    await this.refuseHopeless(sources, others);
    const failed: Refused[] = [];
    const prepared: RequirementLine[] = [];
    for (const line of lines) {
      if (line.direct) this.#tell(line.text);
      const built = line.direct ? await this.#build.direct(line).catch(refusalsInto(failed)) : line;
      if (built !== undefined) prepared.push(built);
    }
    return this.build(sources, prepared, failed);
  }

  /** pip's installation of lines for the instance. @param options more for pip. */
  async run(
    lines: readonly RequirementLine[],
    tree: string,
    options: readonly string[] = [],
  ): Promise<PipResult> {
    const { complete } = this.#requirements;
    const total = complete ? { total: lines.length } : {};
    let done = 0;
    return this.#pip.run(
      [
        ...["install", "--target", tree, "--no-compile", "--no-warn-script-location"],
        ...targetOptions(this.#target),
        ...(complete ? ["--no-deps"] : []),
        ...["--find-links", this.#build.wheels],
        ...options,
        ...(await this.#build.files(lines)),
      ],
      (line) => {
        const collected = /^(?:Collecting|Processing) (\S+)/.exec(line)?.[1];
        if (collected === undefined) return;
        done += 1;
        const detail = path.basename(collected);
        this.#onProgress({ phase: "dependencies", done, ...total, unit: "packages", detail });
      },
    );
  }

  /** All packages without a wheel: with an empty one in its place, pip finds the next. */
  async findMissing(first: string, result: PipResult, lines: readonly RequirementLine[]): Promise<Missing[]> {
    const { complete } = this.#requirements;
    const found: Missing[] = [{ requirement: first, result }];
    const folder = path.join(this.#work, "placeholders");
    await mkdir(folder, { recursive: true });
    for (let next = first; found.length < MOST_MISSING; ) {
      // Where everything is named, the others can be asked for without it.
      const version = complete ? undefined : await standInVersion(next, this.#pip, this.#requirements);
      if (!complete && version === undefined) break;
      if (version !== undefined) await this.#pip.placeholders(folder, [[leadingName(next), version]]);
      const names = new Set(found.map(({ requirement }) => leadingName(requirement)));
      const rest = complete ? lines.filter((l) => l.name === undefined || !names.has(l.name)) : lines;
      const dry = ["--dry-run", "--find-links", folder];
      const more = await this.run(rest, path.join(this.#work, "dry"), dry);
      const missing = more.ok || isAway(more) ? undefined : missingPackage(more);
      if (missing === undefined || names.has(leadingName(missing))) break;
      found.push({ requirement: missing, result: more });
      next = missing;
    }
    return found;
  }

  /** What is left out gets an empty wheel, so that others may require it. @returns the rest. */
  async leaveOut(missing: readonly Missing[]): Promise<Missing[]> {
    const { without } = this.#requirements;
    const [kept, out]: [Missing[], Missing[]] = [[], []];
    for (const one of missing) (without.includes(leadingName(one.requirement)) ? out : kept).push(one);
    await mkdir(this.#build.wheels, { recursive: true });
    for (const { requirement } of out) {
      const version = await standInVersion(requirement, this.#pip, this.#requirements);
      if (version === undefined) continue;
      await this.#pip.placeholders(this.#build.wheels, [[leadingName(requirement), version]]);
    }
    return kept;
  }

  /** @throws Refused when one of them is known not to become a wheel that runs on the instance. */
  async refuseHopeless(missing: readonly Missing[], others: readonly Finding[] = []): Promise<void> {
    const judged = await Promise.all(missing.map(async (m) => ({ ...m, finding: await this.#hopeless(m) })));
    const findings = [...others, ...judged.flatMap(({ finding }) => finding ?? [])];
    if (findings.length === 0) return;
    throw new Refused(NOT_INSTALLED, findings, {
      lines: judged
        .filter(({ finding }) => finding === undefined)
        .map(({ requirement }) => `${requirement} has no wheel either, and will be built`),
    });
  }

  async #hopeless({ requirement, result }: Missing): Promise<Finding | undefined> {
    const about = { pip: this.#pip, target: this.#target, requirements: this.#requirements };
    const python = result && (await forOtherPython(requirement, { ...about, result }));
    if (python !== undefined) return python;
    if (knownWayOut(leadingName(requirement)) === undefined) return undefined;
    return withoutWheel(requirement, "and its source has to be compiled", about);
  }

  /** @param failed builds that failed before. @throws Refused with all that could not be built. */
  async build(
    missing: readonly Missing[],
    lines: readonly RequirementLine[],
    failed: Refused[] = [],
  ): Promise<RequirementLine[]> {
    let changed = [...lines];
    for (const { requirement } of missing) {
      this.#tell(requirement);
      const built = this.#build.indexed(requirement, leadingName(requirement), changed);
      changed = (await built.catch(refusalsInto(failed))) ?? changed;
    }
    const [only, second] = failed;
    if (only !== undefined && second === undefined) throw only;
    if (only !== undefined) {
      throw new Refused(
        NOT_INSTALLED,
        failed.flatMap((f) => f.findings),
      );
    }
    return changed;
  }

  #tell(what: string): void {
    this.#onProgress({ phase: "dependencies", done: 0, unit: "packages", detail: `building ${what}` });
  }
}

/** Goes on after a refusal, so that all of them are known; not after anything else. */
const refusalsInto =
  (failed: Refused[]) =>
  (error: unknown): undefined => {
    if (!(error instanceof Refused)) throw error;
    failed.push(error);
  };
