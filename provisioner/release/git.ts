import { execa } from "execa";

export interface GitState {
  commit: string;
  /** Whether the folder differs from the commit, by changes or by files unknown to git. */
  dirty: boolean;
}

/** @returns undefined when the folder is in no repository, has no commit yet, or git is not installed. */
export async function gitState(folder: string, env: NodeJS.ProcessEnv): Promise<GitState | undefined> {
  const commit = await git(folder, env, ["rev-parse", "--verify", "HEAD"]);
  if (commit === undefined) return undefined;
  const status = await git(folder, env, ["status", "--porcelain", "--", "."]);
  return { commit: commit.trim(), dirty: status === undefined || status !== "" };
}

/** Files that git has though an ignore file names them, from the folder; none outside of a repository. */
export async function trackedButIgnored(folder: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const list = await git(folder, env, ["ls-files", "-z", "--cached", "--ignored", "--exclude-standard"]);
  return (list ?? "").split("\0").filter((name) => name !== "");
}

async function git(folder: string, env: NodeJS.ProcessEnv, args: string[]): Promise<string | undefined> {
  const result = await execa("git", ["-C", folder, ...args], {
    env: { ...env, GIT_OPTIONAL_LOCKS: "0" },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
  });
  return result.failed ? undefined : result.stdout;
}
