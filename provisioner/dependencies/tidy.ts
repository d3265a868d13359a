import { readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";

/**
 * Removes the traces of this machine from an installed tree: scripts start the instance's Python, no file says where
 * it came from, and there is no bytecode. Also removes what only translators read: a third of Django's files are
 * sources (.po) of translations that are there compiled (.mo). Links are refused.
 * @returns whether anything in it runs on one architecture only, and how many packages there are.
 */
export async function tidyTree(tree: string): Promise<{ compiled: boolean; packages: string[] }> {
  const dropped = new Set(await drop(tree, ""));
  const scripts = await fixScripts(path.join(tree, "bin"));
  const names = await readdir(tree);
  const infos = names.filter((name) => name.endsWith(".dist-info")).sort();
  let compiled = false;
  for (const info of infos) {
    const folder = path.join(tree, info);
    await rm(path.join(folder, "direct_url.json"), { force: true });
    await correctRecord(path.join(folder, "RECORD"), scripts, dropped);
    if (await isPlatformSpecific(path.join(folder, "WHEEL"))) compiled = true;
  }
  return { compiled, packages: infos.map((name) => name.replace(/\.dist-info$/, "").replace("-", " ")) };
}

/** @returns paths, in the tree, of what was removed. */
async function drop(tree: string, folder: string): Promise<string[]> {
  const gone: string[] = [];
  const entries = await readdir(path.join(tree, folder), { withFileTypes: true });
  const names = new Set(entries.map((entry) => entry.name));
  for (const entry of entries) {
    const name = path.join(folder, entry.name);
    const file = path.join(tree, name);
    if (entry.isSymbolicLink()) {
      throw new EverspotError(`a dependency installs a symbolic link to ${await readlink(file)}`, {
        resource: file,
        hint: "a release cannot hold links; use a version of the package without any",
      });
    }
    const compiled = entry.name.endsWith(".po") && names.has(entry.name.replace(/po$/, "mo"));
    if (entry.name === "__pycache__" || /\.py[co]$/.test(entry.name) || compiled) {
      await rm(file, { recursive: true });
      gone.push(name);
    } else if (entry.isDirectory()) {
      gone.push(...(await drop(tree, name)));
    }
  }
  return gone;
}

/** The first line pip gives a script, and its form when the path is long or has spaces. */
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

/** RECORD may leave out hash and size (PEP 376); the scripts' were those of this machine's. */
async function correctRecord(
  record: string,
  scripts: readonly string[],
  dropped: ReadonlySet<string>,
): Promise<void> {
  const text = await readFile(record, "utf8").catch(() => undefined);
  if (text === undefined) return;
  const lines = text
    .split("\n")
    .filter(
      (line) => !/(^|\/)direct_url\.json,|\.pyc,/.test(line) && !dropped.has(line.split(",", 1)[0] ?? ""),
    );
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
