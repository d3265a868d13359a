import { ContractError } from "../wire/errors.ts";
import { conditionsHold } from "./conditions.ts";
import type { Choice, Policy, Principals, Statement } from "./document.ts";
import { isModelled } from "./keys.ts";
import { type Context, hasVariables, matchesAction, matchesArn } from "./match.ts";

/** One thing a call needs to be allowed to do. */
export interface Request {
  /** As in policies, e.g. "s3:GetObject". */
  action: string;
  /** ARN, or "*" where AWS knows no resource for the action. */
  resource: string;
  readonly context: Context;
}

/** Who asks, for policies that name principals: every ARN or name that stands for them, by kind. */
export type Asker = Readonly<Record<string, readonly string[]>>;

export type Verdict = "deny" | "allow" | "none";

/**
 * What one set of policies says: explicit deny before allow, "none" when neither.
 * `asker` is needed for policies with principals, `request.resource` is ignored for trust policies.
 * @throws ContractError for a condition key that this model never fills in: "not there" would be a guess.
 */
export function evaluate(policies: readonly Policy[], request: Request, asker: Asker = {}): Verdict {
  const applying = policies.flatMap((policy) =>
    policy.statements.filter((statement) => applies(statement, policy.variables, request, asker)),
  );
  if (applying.some((s) => s.effect === "Deny")) return "deny";
  return applying.length > 0 ? "allow" : "none";
}

function applies(statement: Statement, variables: boolean, request: Request, asker: Asker): boolean {
  if (!isAbout(statement, request.action)) return false;
  if (statement.principals !== undefined && !names(statement.principals, asker)) return false;
  const resources = statement.resources;
  // What a request is about beyond that is put together where a policy asks for it.
  const fits = (pattern: string): boolean =>
    matchesArn(pattern, request.resource, variables && hasVariables(pattern) ? request.context : undefined);
  if (resources !== undefined && !chosen(resources, fits)) return false;
  if (Object.keys(statement.conditions).length === 0) return true;
  for (const key of Object.values(statement.conditions).flatMap((keys) => Object.keys(keys))) {
    if (!isModelled(key)) throw new ContractError(`condition key ${key} is not modelled (${request.action})`);
  }
  return conditionsHold(statement.conditions, request.context, variables);
}

const about = new WeakMap<Statement, Map<string, boolean>>();

/** Every call is held against the same few statements. */
function isAbout(statement: Statement, action: string): boolean {
  const known = about.get(statement) ?? new Map<string, boolean>();
  about.set(statement, known);
  const answer = known.get(action) ?? chosen(statement.actions, (pattern) => matchesAction(pattern, action));
  known.set(action, answer);
  return answer;
}

const chosen = (choice: Choice, fits: (value: string) => boolean): boolean =>
  choice.values.some(fits) !== choice.not;

function names(principals: Principals, asker: Asker): boolean {
  const named = Object.entries(principals.values).some(([kind, values]) =>
    values.some(
      (value) => kind === "*" || (kind === "AWS" && value === "*") || (asker[kind] ?? []).includes(value),
    ),
  );
  return named !== principals.not;
}
