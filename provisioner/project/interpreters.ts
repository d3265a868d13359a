/** Which Pythons on this computer might be able to start a project. */
import { readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { execa } from "execa";

export interface Interpreter {
  command: string;
  /** For a person: "the project's .venv". */
  label: string;
  /** Whether it has the project's packages because they are the project's. */
  ofProject: boolean;
  /** Folders with packages besides its own. */
  path: readonly string[];
}

const FOLDERS = [".venv", "venv", "env"];

/** The project's own: its virtual environment, or that of uv, Poetry or Pipenv. Nothing is created or installed. */
export async function* ownPythons(
  folders: readonly string[],
  env: NodeJS.ProcessEnv,
): AsyncGenerator<Interpreter> {
  const seen = new Set<string>();
  const fresh = (command: string): boolean => !seen.has(command) && seen.add(command) !== undefined;
  for (const folder of new Set(folders)) {
    for (const name of FOLDERS) {
      if (!(await exists(path.join(folder, name, "pyvenv.cfg")))) continue;
      const command = path.join(
        folder,
        name,
        ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]),
      );
      if ((await exists(command)) && fresh(command))
        yield { command, label: `the project's ${name}`, path: [], ofProject: true };
    }
  }
  const active = env.VIRTUAL_ENV === undefined ? undefined : path.join(env.VIRTUAL_ENV, "bin", "python");
  if (active !== undefined && (await exists(active)) && fresh(active)) {
    yield { command: active, label: "the virtual environment that is active", path: [], ofProject: true };
  }
  const tools: [string, string[], string][] = [
    ["uv.lock", ["uv", "python", "find", "--offline"], "uv's environment of the project"],
    ["poetry.lock", ["poetry", "env", "info", "--executable"], "Poetry's environment of the project"],
    ["Pipfile", ["pipenv", "--py"], "Pipenv's environment of the project"],
  ];
  for (const folder of new Set(folders)) {
    for (const [file, [tool = "", ...args], label] of tools) {
      if (!(await exists(path.join(folder, file)))) continue;
      const found = await execa(tool, args, {
        cwd: folder,
        env,
        extendEnv: false,
        reject: false,
        timeout: 15_000,
      });
      const command = found.failed ? "" : found.stdout.trim().split("\n").at(-1)?.trim() || "";
      if (path.isAbsolute(command) && (await exists(command)) && fresh(command))
        yield { command, label, path: [], ofProject: true };
    }
  }
}

/** Python as this computer has it. */
export const systemPythons: readonly Interpreter[] = ["python3", "python"].map((command) => ({
  ...{ command, label: `this computer's ${command}`, path: [], ofProject: false },
}));

/** A Python of this version, wherever this computer keeps them. */
export async function pythonOf(version: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const home = homedir();
  const kept = [
    path.join(env.PYENV_ROOT ?? path.join(home, ".pyenv"), "versions"),
    path.join(home, ".local/share/uv/python"),
  ];
  const found: string[] = [`python${version}`, "python3"];
  for (const folder of kept) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (name.replace(/^cpython-/, "").startsWith(`${version}.`))
        found.push(path.join(folder, name, "bin", `python${version}`));
    }
  }
  for (const command of found) if ((await versionOf(command, env)) === version) return command;
  return undefined;
}

/** "3.13", or undefined when it does not run. */
export async function versionOf(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const said = await execa(command, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], {
    ...{ env, extendEnv: false, reject: false, timeout: 10_000 },
  });
  return said.failed ? undefined : said.stdout.trim();
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
