/** Where a project's packages come from: the index of this machine's pip, and those that its own files name. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { packageIndex } from "../../../test/cloud/mirror/index-hosts.ts";
import { lookAt } from "./copy.ts";

const REACH_MS = 20_000;
/** From outside of the sandbox to its inside: indexes that do not answer from here, separated by blanks. */
const SILENT = "EVERSPOT_SILENT_INDEXES";
const NAMED = /^[ \t]*(?:-i|--(?:extra-)?index-url)[ \t=]+(\S+).*$/gm;

/**
 * Before the sandbox: whom pip may ask from inside of it.
 * @throws EverspotError when a folder is missing or the index does not answer.
 */
export async function reachIndexes(folders: readonly string[]): Promise<string[]> {
  const full = folders.map((folder) => path.resolve(folder));
  await Promise.all(full.map(lookAt));
  const named = [...new Set((await Promise.all(full.map(indexesNamed))).flat())];
  const { url, hosts } = await packageIndex(named);
  if (!(await answers(url))) {
    throw new EverspotError("pip's package index does not answer, and projects have dependencies", {
      resource: url,
      hint: "without it `scripts/rehearse` plays the project that is here; another index can be set by PIP_INDEX_URL",
    });
  }
  const silent = await Promise.all(named.map(async (one) => ((await answers(one)) ? [] : [one])));
  process.env[SILENT] = silent.flat().join(" ");
  return hosts;
}

const answers = (index: string): Promise<boolean> =>
  fetch(index.endsWith("/") ? index : `${index}/`, {
    method: "HEAD",
    signal: AbortSignal.timeout(REACH_MS),
  }).then(
    () => true,
    () => false,
  );

async function indexesNamed(folder: string): Promise<string[]> {
  const texts = await Promise.all((await requirements(folder)).map((file) => readFile(file, "utf8")));
  return texts.flatMap((text) => [...text.matchAll(NAMED)].map((m) => m[1] ?? ""));
}

async function requirements(folder: string): Promise<string[]> {
  const found = ["", "requirements"].map(async (below) => {
    const names = await readdir(path.join(folder, below)).catch(() => []);
    return names.filter((name) => /\.(txt|in)$/.test(name)).map((name) => path.join(folder, below, name));
  });
  return (await Promise.all(found)).flat();
}

/**
 * In the sandbox, in a copy: an index that its files name and that does not answer from here, such as one under an old
 * name, gives way to this machine's own. @returns what was left out.
 */
export async function leaveSilent(folder: string, silent = process.env[SILENT] ?? ""): Promise<string[]> {
  const left = new Set<string>();
  const gone = silent.split(" ").filter((one) => one !== "");
  for (const file of await requirements(folder)) {
    const before = await readFile(file, "utf8");
    const after = before.replace(NAMED, (line, index: string) => {
      if (!gone.includes(index)) return line;
      left.add(index);
      return `# ${line}`;
    });
    if (after !== before) await writeFile(file, after);
  }
  return [...left];
}
