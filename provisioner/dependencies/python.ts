import { execa } from "execa";
import { EverspotError } from "../../agent/site/errors.ts";
import type { PythonTarget } from "../requirements/python-target.ts";

/** A Python of the packing machine. */
export interface Python {
  /** Name or path by which to start it. */
  command: string;
  /** "3.13.5". */
  version: string;
}

export interface Pythons {
  /** The Python that runs pip. */
  pip: Python & { pipVersion: string };
  /** A Python of the instance's version, whose bytecode is the instance's. */
  compiler: Python | undefined;
}

/** The first pip that takes several `--platform` (20.3) and is past its resolver's early faults. */
const OLDEST_PIP = 21;

/**
 * Finds Python on this machine: pip in the instance's version if possible, else in `python3`.
 * @throws EverspotError saying what to install.
 */
export async function findPythons(target: PythonTarget, env: NodeJS.ProcessEnv): Promise<Pythons> {
  const same = await probe(`python${target.python}`, env);
  const other = await probe("python3", env);
  const compiler = [same, other].find((p) => p?.version.startsWith(`${target.python}.`));
  for (const found of [same, other]) {
    const pip = found?.pipVersion;
    if (found && pip && Number.parseInt(pip, 10) >= OLDEST_PIP) {
      return { pip: { ...found, pipVersion: pip }, compiler };
    }
  }
  if (other === undefined && same === undefined) {
    throw new EverspotError("the project has dependencies, but there is no python3 here to collect them", {
      hint: "install Python 3 with pip; on Debian and Ubuntu: apt install python3-pip python3-venv",
    });
  }
  throw new EverspotError(`python3 here has no pip, or one older than ${OLDEST_PIP}`, {
    hint: "on Debian and Ubuntu: apt install python3-pip python3-venv; elsewhere: python3 -m ensurepip --upgrade",
  });
}

/** A Python whose bytecode is the instance's, for a project without dependencies. */
export async function findCompiler(
  target: PythonTarget,
  env: NodeJS.ProcessEnv,
): Promise<Python | undefined> {
  for (const command of [`python${target.python}`, "python3"]) {
    const found = await probe(command, env);
    if (found?.version.startsWith(`${target.python}.`)) return found;
  }
  return undefined;
}

const PROBE = `
import json, platform
try:
    import pip
    found = pip.__version__
except ImportError:
    found = None
print(json.dumps({"version": platform.python_version(), "pipVersion": found, "cpython": platform.python_implementation() == "CPython"}))
`;

async function probe(
  command: string,
  env: NodeJS.ProcessEnv,
): Promise<(Python & { pipVersion: string | undefined }) | undefined> {
  const result = await execa(command, ["-c", PROBE], {
    env,
    extendEnv: false,
    reject: false,
    timeout: 20_000,
  });
  if (result.failed) return undefined;
  try {
    const found = JSON.parse(result.stdout) as {
      version: string;
      pipVersion: string | null;
      cpython: boolean;
    };
    return found.cpython
      ? { command, version: found.version, pipVersion: found.pipVersion ?? undefined }
      : undefined;
  } catch {
    return undefined;
  }
}
