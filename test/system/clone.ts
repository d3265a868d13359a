/** This project as others get it: by a clone. */
import { cp, readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";

export const root = path.resolve(import.meta.dirname, "../..");

const NOT_CLONED = new Set([".git", "node_modules", "dist", "coverage"]);

const somebody = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ann",
  GIT_AUTHOR_EMAIL: "ann@example.com",
  GIT_COMMITTER_NAME: "Ann",
  GIT_COMMITTER_EMAIL: "ann@example.com",
};

/** npm with no registry in reach: what it installs comes from its cache, which scripts/setup filled. */
export const offline = { npm_config_offline: "true" };
/** The same where npm has nothing to install at all. */
export const noRegistry = { npm_config_registry: "http://127.0.0.1:9/" };

/** A repository whose one commit is what lies in this folder now. @param folder that does not exist yet. */
export async function cloneTo(folder: string): Promise<void> {
  await cp(root, folder, {
    recursive: true,
    filter: (file) => !NOT_CLONED.has(path.relative(root, file)),
  });
  await git(folder, "init", "--quiet");
  await git(folder, "add", ".");
  await git(folder, "commit", "--quiet", "--message", "all of it");
}

/** Makes a release in a clone, with scripts/release. @returns its commit. */
export async function releaseIn(clone: string): Promise<string> {
  const { stdout } = await execa("scripts/release", [], { cwd: clone, env: { ...somebody, ...offline } });
  return stdout;
}

/** What a commit holds, and nothing else. @param folder that exists. */
export async function archiveTo(clone: string, commit: string, folder: string): Promise<void> {
  const file = `${folder}.tar`;
  await git(clone, "archive", "--output", file, commit);
  await execa("tar", ["--extract", "--file", file, "--directory", folder]);
}

export const git = async (folder: string, ...args: string[]): Promise<string> =>
  (await execa("git", args, { cwd: folder, env: somebody })).stdout;

export async function versionHere(): Promise<string> {
  return JSON.parse(await readFile(path.join(root, "package.json"), "utf8")).version;
}
