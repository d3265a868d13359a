import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { markerEnvironment, type PythonTarget } from "../requirements/python-target.ts";
import type { Python } from "./python.ts";

/**
 * pip takes `--platform` and `--python-version`, but evaluates environment markers for the Python it runs in
 * (pypa/pip#11664), and before 24.2 holds what packages require of Python against that one, too: packed on 3.11,
 * `x; python_version >= "3.13"` would be missing on the instance, and Django 6 would be refused. This runs pip with the
 * instance's marker values, given as JSON in the first argument, and with its version.
 */
const PIP_FOR_TARGET = `
import json, sys
environment = json.loads(sys.argv.pop(1))
version = tuple(int(n) for n in environment["python_full_version"].split("."))
from pip._vendor.packaging import markers
markers.default_environment = lambda: dict(environment)
try:
    from pip._internal.models.target_python import TargetPython
    from pip._internal.resolution.resolvelib.candidates import RequiresPythonCandidate
    make_candidate, make_target = RequiresPythonCandidate.__init__, TargetPython.__init__
    def candidate(self, *_, **__):
        make_candidate(self, version)
    def target(self, *args, **named):
        make_target(self, *args, **named)
        self.py_version_info = version
    RequiresPythonCandidate.__init__, TargetPython.__init__ = candidate, target
except ImportError:
    pass  # a pip that is organised otherwise is newer, and does it by itself
from pip._internal.cli.main import main
sys.exit(main())
`;

const EVALUATE_MARKERS = `
import json, sys
from pip._vendor.packaging.markers import Marker
environment = json.loads(sys.argv[1])
print(json.dumps([Marker(m).evaluate(environment) for m in json.load(sys.stdin)]))
`;

const SATISFY = `
import json, sys
from pip._vendor.packaging.specifiers import SpecifierSet
specifiers, versions = json.load(sys.stdin)
print(json.dumps([[SpecifierSet(s).contains(v, prereleases=True) for v in versions] for s in specifiers]))
`;

/** What the wheel in a folder requires. */
const REQUIRES = `
import email, glob, json, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
print(json.dumps(email.message_from_bytes(wheel.read(name)).get_all("Requires-Dist") or []))
`;

/** Empty wheels, "name version" each, into a folder. */
const PLACEHOLDERS = `
import json, sys, zipfile
for name, version in json.load(sys.stdin):
    stem = name.replace("-", "_") + "-" + version
    with zipfile.ZipFile(f"{sys.argv[1]}/{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
`;

/** Settings of pip that would change where or for what it installs. Where it finds packages stays up to the user. */
const OVERRULED = {
  PIP_TARGET: undefined,
  PIP_PREFIX: undefined,
  PIP_ROOT: undefined,
  PIP_PLATFORM: undefined,
  PIP_PYTHON_VERSION: undefined,
  PIP_ABI: undefined,
  PIP_IMPLEMENTATION: undefined,
  PIP_ONLY_BINARY: undefined,
  PIP_NO_BINARY: undefined,
  PIP_REQUIREMENT: undefined,
  PIP_CONSTRAINT: undefined,
  PIP_NO_DEPS: undefined,
  PIP_DRY_RUN: undefined,
  PIP_QUIET: undefined,
  PIP_REQUIRE_HASHES: undefined,
  PIP_USER: "0",
  PIP_REQUIRE_VIRTUALENV: "0",
  PIP_NO_INPUT: "1",
  PIP_PROGRESS_BAR: "off",
  PIP_NO_COLOR: "1",
  PIP_DISABLE_PIP_VERSION_CHECK: "1",
  PYTHONDONTWRITEBYTECODE: "1",
  // The order of sets must not influence what is built.
  PYTHONHASHSEED: "0",
  LC_ALL: "C.UTF-8",
};

export interface PipResult {
  ok: boolean;
  /** What pip said, without blank lines. */
  lines: string[];
}

/** This machine's pip, working for the instance's Python. */
export class Pip {
  readonly #python: Python;
  readonly #target: PythonTarget;
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal | undefined;

  constructor(python: Python, target: PythonTarget, env: NodeJS.ProcessEnv, signal?: AbortSignal) {
    this.#python = python;
    this.#target = target;
    this.#env = { ...env, ...OVERRULED };
    this.#signal = signal;
  }

  /** A failure of pip is a result. @throws the signal's reason. */
  async run(args: readonly string[], onLine: (line: string) => void = () => {}): Promise<PipResult> {
    const environment = JSON.stringify(markerEnvironment(this.#target));
    const child = execa(this.#python.command, ["-c", PIP_FOR_TARGET, environment, ...args], {
      ...this.#options(),
      all: true,
      buffer: false,
      stdin: "ignore",
    });
    const lines: string[] = [];
    for await (const line of child.iterable({ from: "all" })) {
      if (line.trim() === "") continue;
      lines.push(line);
      onLine(line);
    }
    const result = await child;
    this.#signal?.throwIfAborted();
    return { ok: !result.failed, lines };
  }

  /** The same pip for another kind of instance. */
  for(target: PythonTarget): Pip {
    return new Pip(this.#python, target, this.#env, this.#signal);
  }

  /** Whether each marker (PEP 508) holds on the instance. @throws EverspotError when one is none. */
  async evaluate(markers: readonly string[]): Promise<Map<string, boolean>> {
    const distinct = [...new Set(markers)];
    if (distinct.length === 0) return new Map();
    const environment = JSON.stringify(markerEnvironment(this.#target));
    const what = "an environment marker of the dependencies";
    const values = (await this.#ask(EVALUATE_MARKERS, [environment], distinct, what)) as boolean[];
    return new Map(distinct.map((marker, i) => [marker, values[i] === true]));
  }

  /** Which versions each specifier (PEP 440) takes. @throws EverspotError when one is none. */
  async satisfy(specifiers: readonly string[], versions: readonly string[]): Promise<boolean[][]> {
    const what = `the condition on a version ${specifiers.join(", ")}`;
    return (await this.#ask(SATISFY, [], [specifiers, versions], what)) as boolean[][];
  }

  /** The Requires-Dist lines of the wheel in a folder. */
  async requires(folder: string): Promise<string[]> {
    return (await this.#ask(REQUIRES, [folder], [], "the metadata of the project")) as string[];
  }

  /** Writes a wheel without anything in it for each name and version. */
  async placeholders(folder: string, packages: readonly (readonly [string, string])[]): Promise<void> {
    await this.#ask(PLACEHOLDERS, [folder], packages, "a package's version");
  }

  /**
   * The released versions of a package that pip can take, newest first; none where the index does not answer.
   * @param options of pip, e.g. those that admit wheels for the target only.
   */
  async versions(name: string, options: readonly string[]): Promise<string[]> {
    const out = path.join(tmpdir(), "everspot-none");
    // `pip index versions` knows no `--only-binary`; what does not exist is answered with what does.
    const none = `${name}===0+none`;
    const { lines } = await this.run(["download", "--no-deps", "--dest", out, ...options, none]);
    const list = lines.flatMap((line) => /\(from versions: ([^)]*)\)/.exec(line)?.[1] ?? [])[0] ?? "";
    return list
      .split(",")
      .map((version) => version.trim())
      .filter((version) => /^\d+(\.\d+)*(\.post\d+)?$/.test(version))
      .reverse();
  }

  /** Whether a package can be had with one of these hashes. @param options of pip, e.g. those of another target. */
  async hasWith(
    requirement: string,
    hashes: readonly string[],
    options: readonly string[],
  ): Promise<boolean> {
    const folder = await mkdtemp(path.join(tmpdir(), "everspot-pip-"));
    try {
      const file = path.join(folder, "requirements.txt");
      await writeFile(file, `${[requirement, ...hashes.map((h) => `--hash=${h}`)].join(" ")}\n`);
      return (await this.run(["download", "--dest", folder, ...options, "-r", file])).ok;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Runs a script that reads JSON and prints JSON, if it prints any. @param what could not be understood if it fails. */
  async #ask(script: string, args: readonly string[], input: unknown, what: string): Promise<unknown> {
    const result = await execa(this.#python.command, ["-c", script, ...args], {
      ...this.#options(),
      input: JSON.stringify(input),
    });
    this.#signal?.throwIfAborted();
    if (result.failed) {
      throw new EverspotError(`${what} cannot be understood`, { lines: result.stderr.split("\n").slice(-3) });
    }
    return result.stdout === "" ? undefined : JSON.parse(result.stdout);
  }

  #options() {
    return {
      env: this.#env,
      extendEnv: false,
      reject: false as const,
      ...omitUndefined({ cancelSignal: this.#signal }),
    };
  }
}
