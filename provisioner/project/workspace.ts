/** A copy of a project to start it in, with nothing of this computer's environment and without a network. */
import { constants } from "node:fs";
import {
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { inPackage } from "../archive/package.ts";
import type { ProjectFile } from "../release/project.ts";
import { type Answer, answerSchema } from "./facts.ts";
import type { Interpreter } from "./interpreters.ts";

export interface Request {
  /** The module in `DJANGO_SETTINGS_MODULE`; undefined where the settings have no module of their own. */
  settings: string | undefined;
  /** What makes the settings in that case. */
  wsgi: string | undefined;
  env: Readonly<Record<string, string>>;
  /** Which variables of `env` have stand-ins. */
  given: readonly string[];
  do: readonly ("models" | "packages" | "checks" | "migrate" | "collectstatic" | "visit")[];
  visit?: { host: string; paths: readonly string[] };
  /** Pages do without what collectstatic makes. */
  plain?: boolean;
  /** The copy cannot be written, as a release cannot; where this computer does not let us, it can. */
  sealed?: boolean;
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
  /** Whether `sealed` is in force here. */
  seals(): Promise<boolean>;
  /** Files that were made or changed in the copy since it was first asked, and folders that are new and empty. */
  written(): Promise<string[]>;
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
  let before: ReadonlyMap<string, string> = new Map();
  return {
    copy,
    state,
    put: (file, text) => writeFile(path.join(copy, file), text),
    remove: () => rm(work, { recursive: true, force: true }),
    seals: async () => (await means()).seals,
    written: async () =>
      [...(await stampsOf(copy))].flatMap(([file, stamp]) => (before.get(file) === stamp ? [] : [file])),
    ask: async (interpreter, request, seconds) => {
      if (runs === 0) before = await stampsOf(copy);
      const run = ++runs;
      const [question, answer] = [
        path.join(work, `request-${run}.json`),
        path.join(work, `answer-${run}.json`),
      ];
      const { settings, wsgi, env, sealed, ...rest } = request;
      const asked = { ...rest, wsgi: wsgi ?? null, folder: copy, path: [copy, ...interpreter.path], answer };
      await writeFile(question, JSON.stringify(asked));
      const [command = "", ...args] = [
        ...(await isolation(sealed === true ? copy : undefined)),
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

/** What a run leaves behind wherever it is. */
const OF_PYTHON = "__pycache__";

/** Files and empty folders below a folder, each with what changes when it is written. */
async function stampsOf(top: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const look = async (folder: string): Promise<void> => {
    for (const entry of await readdir(path.join(top, folder), { withFileTypes: true })) {
      const name = path.posix.join(folder, entry.name);
      if (entry.name === OF_PYTHON) continue;
      if (!entry.isDirectory()) {
        const { mtimeMs, size } = await lstat(path.join(top, name));
        found.set(name, `${mtimeMs} ${size}`);
        continue;
      }
      const { size } = found;
      await look(name);
      if (found.size === size) found.set(name, "");
    }
  };
  await look("");
  return found;
}

interface Means {
  /** What cuts a command off from the network, and ends all that it started with it. */
  words: readonly string[];
  /** Whether a folder can be made read-only for the command alone. */
  seals: boolean;
}

let known: Promise<Means> | undefined;

/** Binds the first argument to itself, read-only, and runs the others. */
const SEAL = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';

/** What this computer lets us do; where it lets us do nothing, ask.py alone refuses connections. */
function means(): Promise<Means> {
  known ??= (async () => {
    const works = async (words: readonly string[], command: readonly string[]): Promise<boolean> => {
      const [first = "", ...args] = [...words, ...command];
      return !(await execa(first, args, { reject: false, timeout: 5_000 })).failed;
    };
    for (const user of [[], ["--user", "--map-root-user"]]) {
      const words = ["unshare", ...user, "--net", "--pid", "--fork", "--kill-child"];
      const sealing = [...words, "--mount"];
      if (await works(sealing, ["sh", "-c", SEAL, tmpdir(), "true"])) return { words: sealing, seals: true };
      if (await works(words, ["true"])) return { words, seals: false };
    }
    return { words: [], seals: false };
  })();
  return known;
}

/** @param folder what the command is not to write into. */
async function isolation(folder: string | undefined): Promise<readonly string[]> {
  const { words, seals } = await means();
  return seals && folder !== undefined ? [...words, "sh", "-c", SEAL, folder] : words;
}
