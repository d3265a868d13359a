/** The variables of the app's environment: what can be said of them, and which are made up at random. Pure. */
import { isNear, serverOf } from "../project/databases.ts";
import type { Learnt } from "../project/learn.ts";
import type { Needs } from "./settings-file.ts";
import type { Situation } from "./situation.ts";

/** The variable from which the project takes its key by itself. */
export function secretVariable({ facts, variables, asked }: Learnt): string | undefined {
  if (facts === undefined) return undefined;
  if (facts.secret.kind === "variable") return facts.secret.variable;
  if (asked || facts.secret.kind === "own") return undefined;
  return variables.find(
    (name) =>
      /^(DJANGO_)?SECRET(_KEY)?$|_SECRET_KEY$/.test(name) && !/^AWS_|STRIPE|TURNSTILE|CAPTCHA/.test(name),
  );
}

export function randomSecrets(learnt: Learnt, needs: Pick<Needs, "secretKey">): string[] {
  const key = needs.secretKey ?? secretVariable(learnt);
  const salts = learnt.required.map((v) => v.name).filter((name) => /SALT/.test(name));
  // Settings that insist on a key of their own get one, though another is in force.
  const insisted = learnt.required.map((v) => v.name).filter((name) => /^(DJANGO_)?SECRET_KEY$/.test(name));
  return [...new Set([...(key === undefined ? [] : [key]), ...insisted, ...salts])];
}

/** What of the environment can be said without asking anyone. */
export function environment(
  { learnt, domain, trial }: Situation,
  settings: string | undefined,
): Record<string, string> {
  const { facts, variables, required } = learnt;
  const env: Record<string, string> = {};
  if (settings !== undefined) env.DJANGO_SETTINGS_MODULE = settings;
  const debug = variables.find((name) => /^(DJANGO_)?DEBUG$/.test(name));
  if (facts?.debug === true && debug !== undefined) env[debug] = "False";
  if (settings === undefined) {
    const hosts = variables.find((name) => /ALLOWED_HOSTS$/.test(name));
    if (hosts !== undefined) env[hosts] = domain;
  }
  const url = databaseVariable(learnt);
  const insisted = required.some((v) => v.name === url);
  if (url !== undefined && (insisted || trial?.sqlite === true))
    env[url] = "sqlite:///$STATE_DIRECTORY/db.sqlite3";
  return env;
}

export const databaseVariable = ({ variables }: Learnt): string | undefined =>
  ["DATABASE_URL", "DB_URL", "DJANGO_DATABASE_URL"].find((name) => variables.includes(name));

/** Whether it asks for a server where there will be none, and could be configured otherwise. */
export const mightDoWithSqlite = (learnt: Learnt): boolean =>
  databaseVariable(learnt) !== undefined &&
  Object.values(learnt.facts?.databases ?? {}).some((d) => serverOf(d) !== undefined && isNear(d));
