/** Which wheels an instance can use, by their file names (PEP 425, PEP 600). Pure. */
import { machine, type PythonTarget, platforms } from "./python-target.ts";

/** Whether a wheel of this file name can be installed on the instance. */
export function wheelFits(file: string, target: PythonTarget): boolean {
  const tags = tagsOf(file);
  if (tags === undefined) return false;
  const here = new Set([...platforms(target), "any"]);
  const runs = tags.pythons.some((python) => tags.abis.some((abi) => pythonFits(python, abi, target.python)));
  return runs && tags.platforms.some((p) => here.has(p));
}

/** The Pythons that a package's wheels for the instance's kind of machine are for, e.g. ["3.10", "3.11"]. */
export function pythonsOf(files: readonly string[], target: PythonTarget): string[] {
  const found = new Set<string>();
  for (const file of files) {
    const tags = tagsOf(file);
    if (!tags?.platforms.some((p) => p === "any" || p.endsWith(machine(target.arch)))) continue;
    for (const python of tags.pythons) {
      const [, major, minor] = /^cp(\d)(\d+)$/.exec(python) ?? [];
      if (major !== undefined && minor !== undefined) found.add(`${major}.${minor}`);
    }
  }
  return [...found].sort((a, b) => minorOf(a) - minorOf(b));
}

/** Whether it has the form of a wheel's name, so that it tells what the wheel is for. */
export const isWheelName = (file: string): boolean => tagsOf(file) !== undefined;

interface Tags {
  pythons: string[];
  abis: string[];
  platforms: string[];
}

function tagsOf(file: string): Tags | undefined {
  const parts = decodeURIComponent(file)
    .replace(/\.whl$/, "")
    .split("-");
  const [python, abi, platform] = parts.slice(-3);
  if (!file.endsWith(".whl") || parts.length < 5 || python === undefined) return undefined;
  return {
    pythons: python.split("."),
    abis: (abi ?? "").split("."),
    platforms: (platform ?? "").split("."),
  };
}

const minorOf = (python: string): number => Number(python.split(".")[1]);

function pythonFits(python: string, abi: string, wanted: string): boolean {
  const own = wanted.replace(".", "");
  const [, kind, minor] = /^(cp|py)3(\d*)$/.exec(python) ?? [];
  if (kind === undefined) return false;
  const upTo = minor === "" || Number(minor) <= minorOf(wanted);
  if (abi === "none") return kind === "py" ? upTo : python === `cp${own}` || python === "cp3";
  if (abi === "abi3") return kind === "cp" && upTo;
  return abi === `cp${own}` && python === `cp${own}`;
}
