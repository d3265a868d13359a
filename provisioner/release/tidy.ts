import { readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";

/**
 * Takes this machine out of an installed tree: scripts start the instance's Python, no file tells where it came
 * from, no bytecode. Links are refused.
 * @returns whether anything in it runs on one architecture only, and how many packages there are.
 */
export async function tidyTree(tree: string): Promise<{ compiled: boolean; packages: string[] }> {
  await dropMachine(tree);
  const scripts = await fixScripts(path.join(tree, "bin"));
  const names = await readdir(tree);
  const infos = names.filter((name) => name.endsWith(".dist-info")).sort();
  let compiled = false;
  for (const info of infos) {
    const folder = path.join(tree, info);
    await rm(path.join(folder, "direct_url.json"), { force: true });
    await forgetScripts(path.join(folder, "RECORD"), scripts);
    if (await isPlatformSpecific(path.join(folder, "WHEEL"))) compiled = true;
  }
  return { compiled, packages: infos.map((name) => name.replace(/\.dist-info$/, "").replace("-", " ")) };
}

async function dropMachine(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isSymbolicLink()) {
      throw new EverspotError(`a dependency installs a symbolic link to ${await readlink(file)}`, {
        resource: file,
        hint: "releases hold no links; use a version of the package without",
      });
    }
    if (entry.name === "__pycache__" || /\.py[co]$/.test(entry.name)) {
      await rm(file, { recursive: true });
    } else if (entry.isDirectory()) {
      await dropMachine(file);
    }
  }
}

/** First line pip gives a script, and the form it takes when the path is long or has spaces. */
const SHEBANG = /^#!\S*python\S*[^\n]*\n|^#!\/bin\/sh\n'''exec' [^\n]*python[^\n]*\n' '''\n/;

async function fixScripts(bin: string): Promise<string[]> {
  const scripts = await readdir(bin).catch(() => []);
  for (const name of scripts) {
    const file = path.join(bin, name);
    const { size, mode } = await stat(file);
    if (size > 100_000) continue;
    const text = await readFile(file, "latin1");
    const fixed = text.replace(SHEBANG, "#!/usr/bin/env python3\n");
    if (fixed !== text) await writeFile(file, fixed, { encoding: "latin1", mode });
  }
  return scripts;
}

/** RECORD may leave out hash and size (PEP 376); those of the scripts were of this machine's. */
async function forgetScripts(record: string, scripts: readonly string[]): Promise<void> {
  const text = await readFile(record, "utf8").catch(() => undefined);
  if (text === undefined) return;
  const lines = text.split("\n").filter((line) => !/(^|\/)direct_url\.json,|\.pyc,/.test(line));
  const fixed = lines.map((line) => {
    const name = /^(?:\.\.\/)*bin\/([^,]+),/.exec(line)?.[1];
    return name !== undefined && scripts.includes(name) ? `bin/${name},,` : line;
  });
  await writeFile(record, fixed.join("\n"));
}

async function isPlatformSpecific(wheel: string): Promise<boolean> {
  const text = await readFile(wheel, "utf8").catch(() => "");
  const tags = [...text.matchAll(/^Tag: *(\S+)/gm)].map((m) => m[1] ?? "");
  return tags.some((tag) => !tag.endsWith("-any"));
}
