/** As much of GitHub's runner as examples/deploy.yml and action.yml need; what they need beyond is an error. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { parse } from "yaml";

interface Step {
  name?: string;
  id?: string;
  if?: string;
  uses?: string;
  with?: Record<string, string>;
  shell?: string;
  run?: string;
  env?: Record<string, string>;
}
interface Action {
  inputs: Record<string, { default?: string }>;
  outputs: Record<string, { value: string }>;
  runs: { using: string; steps: Step[] };
}

export interface Job {
  /** Where the project is checked out. */
  workspace: string;
  temp: string;
  env: Readonly<Record<string, string>>;
  vars: Readonly<Record<string, string>>;
  /** Where an action lies. Undefined: it is someone else's, and what it does is in `workspace` and `env` already. */
  action(uses: string): string | undefined;
}

export interface Ran {
  /** Exit codes by the steps' names, or by what they use or run. */
  codes: Record<string, number | undefined>;
  said: string;
  summary: string;
  /** Of the steps that have an id. */
  outputs: Record<string, Record<string, string>>;
}

interface Done {
  failed: boolean;
  outputs: Record<string, string>;
}

type Values = Record<string, string | undefined>;
interface Context {
  inputs: Values;
  vars: Values;
  steps: Record<string, Values>;
}

export async function runWorkflow(file: string, job: Job): Promise<Ran> {
  const { jobs } = parse(readFileSync(file, "utf8")) as { jobs: Record<string, { steps: Step[] }> };
  const [only, ...more] = Object.values(jobs);
  if (only === undefined || more.length > 0) throw new Error(`${file} has not one job`);
  return await new Run(job).all(only.steps);
}

export const runAction = (uses: string, inputs: Record<string, string>, job: Job): Promise<Ran> =>
  new Run(job).all([{ id: "action", uses, with: inputs }]);

class Run {
  readonly #job: Job;
  readonly #summary: string;
  #env: Record<string, string>;
  #said = "";
  readonly #codes: Ran["codes"] = {};

  constructor(job: Job) {
    this.#job = job;
    this.#env = { ...job.env };
    this.#summary = this.#file();
  }

  async all(steps: Step[]): Promise<Ran> {
    const { outputs } = await this.#steps(steps, { inputs: {}, vars: { ...this.#job.vars }, steps: {} });
    const summary = readFileSync(this.#summary, "utf8");
    return { codes: this.#codes, said: this.#said, summary, outputs };
  }

  async #steps(
    steps: Step[],
    context: Context,
    actionPath?: string,
  ): Promise<{ failed: boolean; outputs: Ran["outputs"] }> {
    const outputs: Record<string, Record<string, string>> = {};
    context.steps = outputs;
    let failed = false;
    for (const step of steps) {
      if (!applies(step.if, context, failed)) continue;
      const done =
        step.uses === undefined
          ? await this.#script(step, context, actionPath)
          : await this.#action(step.uses, step.with ?? {}, context);
      failed ||= done.failed;
      if (step.id !== undefined) outputs[step.id] = done.outputs;
    }
    return { failed, outputs };
  }

  async #action(uses: string, given: Record<string, string>, context: Context): Promise<Done> {
    const folder = this.#job.action(uses);
    if (folder === undefined) return { failed: false, outputs: {} };
    const action = parse(readFileSync(path.join(folder, "action.yml"), "utf8")) as Action;
    if (action.runs.using !== "composite") throw new Error(`${uses} is not a composite action`);
    const inputs = Object.fromEntries(
      Object.entries(action.inputs).map(([name, of]) => {
        const value = given[name];
        return [name, value === undefined ? of.default : fill(value, context)];
      }),
    );
    const inner: Context = { inputs, vars: {}, steps: {} };
    const { failed } = await this.#steps(action.runs.steps, inner, folder);
    const outputs = Object.entries(action.outputs).map(([name, { value }]) => [name, fill(value, inner)]);
    return { failed, outputs: Object.fromEntries(outputs) };
  }

  /** What a runner makes of a script (docs.github.com, "Workflow syntax", shell; "Variables reference"). */
  async #script(step: Step, context: Context, actionPath?: string): Promise<Done> {
    if (actionPath !== undefined && step.shell !== "bash") throw new Error(`${step.name} names no shell`);
    const [script, set, output] = [this.#file(), this.#file(), this.#file()];
    writeFileSync(script, fill(step.run ?? "", context));
    const own = Object.entries(step.env ?? {}).map(([name, value]) => [name, fill(value, context)]);
    const strict = step.shell === "bash" ? ["--noprofile", "--norc", "-eo", "pipefail"] : ["-e"];
    const done = await execa("bash", [...strict, script], {
      cwd: this.#job.workspace,
      env: {
        ...this.#env,
        ...{ GITHUB_WORKSPACE: this.#job.workspace, RUNNER_TEMP: this.#job.temp },
        ...{ GITHUB_ENV: set, GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: this.#summary },
        ...(actionPath === undefined ? {} : { GITHUB_ACTION_PATH: actionPath }),
        ...Object.fromEntries(own),
      },
      extendEnv: false,
      reject: false,
      all: true,
    });
    this.#env = { ...this.#env, ...variables(set) };
    this.#codes[step.name ?? step.run ?? ""] = done.exitCode;
    this.#said += `${done.all}\n`;
    return { failed: done.exitCode !== 0, outputs: variables(output) };
  }

  #file(): string {
    const file = path.join(mkdtempSync(path.join(this.#job.temp, "step-")), "file");
    writeFileSync(file, "");
    return file;
  }
}

/** Puts values in the place of expressions. */
function fill(text: string, { inputs, vars, steps }: Context): string {
  return text.replace(/\$\{\{ *(.*?) *\}\}/g, (_, expression: string) => {
    const [, kind, name = ""] = /^(inputs|vars)\.([\w-]+)$/.exec(expression) ?? [];
    if (kind !== undefined) return (kind === "inputs" ? inputs : vars)[name] ?? "";
    const [, id = "", output = ""] = /^steps\.([\w-]+)\.outputs\.([\w-]+)$/.exec(expression) ?? [];
    if (id === "") throw new Error(`this runner does not know the expression ${expression}`);
    return steps[id]?.[output] ?? "";
  });
}

function applies(condition: string | undefined, { inputs }: Context, failed: boolean): boolean {
  if (condition === undefined) return !failed;
  if (condition === "always()") return true;
  const [, name] = /^inputs\.([\w-]+) != ''$/.exec(condition) ?? [];
  if (name === undefined) throw new Error(`this runner does not know the condition ${condition}`);
  return !failed && (inputs[name] ?? "") !== "";
}

const variables = (file: string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
