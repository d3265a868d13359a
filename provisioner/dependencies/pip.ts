import { execa } from "execa";
import { EverspotError } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { Python } from "./python.ts";
import { markerEnvironment, type PythonTarget } from "./python-target.ts";

/**
 * pip takes `--platform` and `--python-version`, but evaluates environment markers for the Python it runs in
 * (pypa/pip#11664): packed on 3.11, `x; python_version >= "3.13"` would be missing on the instance. This runs pip
 * with the instance's marker values, given as JSON in the first argument.
 */
const PIP_FOR_TARGET = `
import json, sys
environment = json.loads(sys.argv.pop(1))
from pip._vendor.packaging import markers
markers.default_environment = lambda: dict(environment)
from pip._internal.cli.main import main
sys.exit(main())
`;

const EVALUATE_MARKERS = `
import json, sys
from pip._vendor.packaging.markers import Marker
environment = json.loads(sys.argv[1])
print(json.dumps([Marker(m).evaluate(environment) for m in json.load(sys.stdin)]))
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

  /** Whether each marker (PEP 508) holds on the instance. */
  async evaluate(markers: readonly string[]): Promise<Map<string, boolean>> {
    const distinct = [...new Set(markers)];
    if (distinct.length === 0) return new Map();
    const environment = JSON.stringify(markerEnvironment(this.#target));
    const result = await execa(this.#python.command, ["-c", EVALUATE_MARKERS, environment], {
      ...this.#options(),
      input: JSON.stringify(distinct),
    });
    this.#signal?.throwIfAborted();
    if (result.failed) {
      throw new EverspotError("an environment marker of the dependencies cannot be understood", {
        lines: result.stderr.split("\n").slice(-3),
      });
    }
    const values = JSON.parse(result.stdout) as boolean[];
    return new Map(distinct.map((marker, i) => [marker, values[i] === true]));
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
