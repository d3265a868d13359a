import { cp, readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";
import { djangoIn } from "../../../provisioner/init/names.ts";
import { howToClone, type KnownProject, knownBy } from "./known.ts";

/** A project's folder as it was given. */
export interface Given {
  folder: string;
  /** The name of the folder, or of the repository, or what made it. */
  name: string;
  /** Of git, where the folder is a clone; of Django, where startproject made it. */
  commit: string | undefined;
  known: KnownProject | undefined;
}

/** @throws EverspotError that says how to get what is missing. */
export async function lookAt(folder: string): Promise<Given> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new EverspotError(`there is no folder ${folder}`, {
      hint: "give clones made beforehand, such as these:",
      lines: howToClone(path.dirname(folder)),
      exitCode: 2,
    });
  }
  const top = await git(folder, "rev-parse", "--show-toplevel");
  const isClone = top !== undefined && path.resolve(top) === path.resolve(folder);
  const remote = isClone ? await git(folder, "remote", "get-url", "origin") : undefined;
  const project = knownBy(remote);
  const made = isClone ? undefined : await madeBy(folder);
  return {
    folder,
    name: project?.repository ?? (made === undefined ? path.basename(folder) : "`django-admin startproject`"),
    commit: isClone ? await git(folder, "rev-parse", "--short=7", "HEAD") : made,
    known: project,
  };
}

/** The Django whose startproject made all that is in the folder; undefined where there is anything else. */
async function madeBy(folder: string): Promise<string | undefined> {
  const [manage, package_, more] = (await readdir(folder)).sort();
  if (manage !== "manage.py" || package_ === undefined || more !== undefined) return undefined;
  const settings = await readFile(path.join(folder, package_, "settings.py"), "utf8").catch(() => "");
  return djangoIn(settings);
}

/** With all that is in it, .git too: what git knows of a file may matter. */
export async function copyProject(given: Given, to: string): Promise<void> {
  await cp(given.folder, to, { recursive: true, verbatimSymlinks: true });
}

/** Puts another commit in place, over what was changed. What git does not know stays. @throws EverspotError */
export async function checkOut(folder: string, commit: string): Promise<void> {
  const done = await execa("git", ["-C", folder, "checkout", "--quiet", "--force", commit], {
    reject: false,
  });
  if (done.failed) {
    throw new EverspotError(`${commit} cannot be checked out`, {
      resource: folder,
      hint: `fetch it into the clone: git fetch origin tag ${commit}`,
      lines: done.stderr.split("\n").slice(-3),
    });
  }
}

async function git(folder: string, ...args: string[]): Promise<string | undefined> {
  const done = await execa("git", ["-C", folder, ...args], { reject: false });
  return done.failed ? undefined : done.stdout.trim();
}
