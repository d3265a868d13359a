/** Asks a project about itself, by starting it again and again until it lacks nothing. */
import type { Answer, Failure, Variable } from "./facts.ts";
import type { Interpreter } from "./interpreters.ts";
import { standInsFor } from "./stand-ins.ts";
import type { Request, Workspace } from "./workspace.ts";

/** How often a project is started before it is given up. */
const MOST = 60;
/** Seconds one start may take. */
const EACH = 60;

export interface Started {
  interpreter: Interpreter;
  answer: Answer;
  /** What it cannot do without, in the order in which it asked. */
  required: Variable[];
  /** Values with which it started. */
  standIns: Record<string, string>;
  /** Why it does not start; undefined when it does. */
  failure: Failure | undefined;
}

/** @param until milliseconds since the epoch. */
export async function start(
  workspace: Workspace,
  interpreter: Interpreter,
  {
    settings,
    wsgi,
    env,
    secrets,
  }: Pick<Request, "settings" | "wsgi" | "env"> & { secrets: readonly string[] },
  until: number,
): Promise<Started | undefined> {
  const required: Variable[] = [];
  const left = new Map<string, string[]>();
  const standIns: Record<string, string> = {};
  const standIn = (name: string) => {
    const [first = "", ...others] = standInsFor(name, workspace.state);
    standIns[name] = first;
    left.set(name, others);
  };
  for (const name of secrets) standIn(name);
  let last: Answer | undefined;
  for (let i = 0; i < MOST && Date.now() < until; i++) {
    const request = { settings, wsgi, env: { ...standIns, ...env }, given: Object.keys(standIns), do: [] };
    const answer = await workspace.ask(interpreter, request, EACH);
    if (answer === undefined) return undefined;
    last = answer;
    const failure = failureOf(answer);
    if (failure === undefined) break;
    const fresh = failure.missing.filter((name) => !(name in standIns) && !(name in env));
    for (const name of fresh) {
      standIn(name);
      required.push({ name, where: failure.where ?? undefined });
    }
    if (fresh.length > 0) continue;
    const next = failure.unfit == null ? undefined : left.get(failure.unfit)?.shift();
    if (failure.unfit == null || next === undefined) break;
    standIns[failure.unfit] = next;
  }
  if (last === undefined) return undefined;
  return { interpreter, answer: last, required, standIns, failure: failureOf(last) };
}

const failureOf = (answer: Answer): Failure | undefined => answer.errors?.load;

/** Whether this Python has what the project imports: its packages, and Django above all. */
export const hasPackages = (started: Started | undefined, ownModules: ReadonlySet<string>): boolean => {
  if (started === undefined) return false;
  const { failure, answer } = started;
  const module = failure?.module?.split(".")[0];
  return module === undefined || ownModules.has(module) || (answer.facts !== undefined && isDriver(failure));
};

/** Whether all that lacks is the driver of a database: what the settings say is known then. */
export const isDriver = (failure: Failure | undefined): boolean =>
  /^(psycopg2?|MySQLdb|pymysql|oracledb|cx_Oracle|pyodbc)(\.|$)/.test(failure?.module ?? "");
