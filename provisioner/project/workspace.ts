/** A copy of a project to start it in, with nothing of this computer's environment and without a network. */
import { constants } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { inPackage } from "../archive/package.ts";
import type { ProjectFile } from "../release/project.ts";
import { type Answer, answerSchema } from "./facts.ts";
import type { Interpreter } from "./interpreters.ts";

export interface Request {
  /** Of `DJANGO_SETTINGS_MODULE`; undefined where the settings have no module of their own. */
  settings: string | undefined;
  /** What makes the settings in that case. */
  wsgi: string | undefined;
  env: Readonly<Record<string, string>>;
  /** Which variables of `env` have stand-ins. */
  given: readonly string[];
  do: readonly ("models" | "packages" | "migrate" | "collectstatic" | "visit")[];
  visit?: { host: string; paths: readonly string[] };
  /** Pages do without what collectstatic makes. */
  plain?: boolean;
}

export interface Workspace {
  /** Absolute, without links. */
  copy: string;
  /** Where the copy may write besides: it plays `$STATE_DIRECTORY`. */
  state: string;
  /** Puts a file into the copy. */
  put(file: string, text: string): Promise<void>;
  /** @returns undefined when the project did not even begin to answer within the time. */
  ask(interpreter: Interpreter, request: Request, seconds: number): Promise<Answer | undefined>;
  remove(): Promise<void>;
}

/** Files that a release never has. */
const NOT_RELEASED = /(^|\/)\.env(?!.*\.(example|sample|template|dist)$)[^/]*$/;
/** Bytes. Settings do not read such files. */
const LARGEST = 50e6;

/** @param files as listProject gives them. */
export async function openWorkspace(files: readonly ProjectFile[]): Promise<Workspace> {
  const work = await realpath(await mkdtemp(path.join(tmpdir(), "everspot-ask-")));
  const [copy, state, home] = ["project", "state", "home"].map((name) => path.join(work, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [copy, state, home]) await mkdir(folder);
  const folders = new Set<string>();
  for (const file of files) {
    if (NOT_RELEASED.test(file.path) || file.size > LARGEST) continue;
    const to = path.join(copy, file.path);
    const folder = path.dirname(to);
    if (!folders.has(folder)) await mkdir(folder, { recursive: true });
    folders.add(folder);
    await copyFile(file.source, to, constants.COPYFILE_FICLONE);
  }
  let runs = 0;
  return {
    copy,
    state,
    put: (file, text) => writeFile(path.join(copy, file), text),
    remove: () => rm(work, { recursive: true, force: true }),
    ask: async (interpreter, request, seconds) => {
      const run = ++runs;
      const [question, answer] = [
        path.join(work, `request-${run}.json`),
        path.join(work, `answer-${run}.json`),
      ];
      const { settings, wsgi, env, ...rest } = request;
      const asked = { ...rest, wsgi: wsgi ?? null, folder: copy, path: [copy, ...interpreter.path], answer };
      await writeFile(question, JSON.stringify(asked));
      const [command = "", ...args] = [
        ...(await isolation()),
        ...[interpreter.command, inPackage("provisioner/project/python/ask.py"), question],
      ];
      await execa(command, args, {
        cwd: copy,
        env: {
          PATH: process.env.PATH ?? "/usr/bin:/bin",
          HOME: home,
          TMPDIR: home,
          LANG: "C.UTF-8",
          PYTHONDONTWRITEBYTECODE: "1",
          PYTHONWARNINGS: "ignore",
          // Nothing may look for a machine's credentials.
          AWS_EC2_METADATA_DISABLED: "true",
          STATE_DIRECTORY: state,
          ...(settings === undefined ? {} : { DJANGO_SETTINGS_MODULE: settings }),
          ...env,
        },
        extendEnv: false,
        reject: false,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
        timeout: seconds * 1000,
        killSignal: "SIGKILL",
      });
      const text = await readFile(answer, "utf8").catch(() => undefined);
      return text === undefined ? undefined : answerSchema.parse(JSON.parse(text));
    },
  };
}

let isolated: Promise<string[]> | undefined;

/**
 * What cuts a command off from the network, and ends all that it started with it, where this computer lets us. Where not,
 * ask.py alone refuses connections.
 */
function isolation(): Promise<string[]> {
  isolated ??= (async () => {
    for (const user of [[], ["--user", "--map-root-user"]]) {
      const words = ["unshare", ...user, "--net", "--pid", "--fork", "--kill-child"];
      const [command = "", ...args] = [...words, "true"];
      if (!(await execa(command, args, { reject: false, timeout: 5_000 })).failed) return words;
    }
    return [];
  })();
  return isolated;
}
