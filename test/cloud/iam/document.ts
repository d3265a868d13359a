import { z } from "zod";
import { AwsError } from "../wire/errors.ts";
import { type Conditions, parseOperator } from "./conditions.ts";

export interface Statement {
  sid: string | undefined;
  effect: "Allow" | "Deny";
  actions: Choice;
  /** Undefined in a trust policy. */
  resources: Choice | undefined;
  /** Undefined in an identity policy. By kind, e.g. `{ AWS: ["…"], Federated: ["…"] }`; "*" is `{ "*": ["*"] }`. */
  principals: Principals | undefined;
  conditions: Conditions;
}
/** Values of `Action` or, when `not`, of `NotAction`; the same for resources. */
export interface Choice {
  not: boolean;
  values: readonly string[];
}
export interface Principals {
  not: boolean;
  values: Readonly<Record<string, readonly string[]>>;
}
export interface Policy {
  /** False for documents older than 2012-10-17, which know no `${…}`. */
  variables: boolean;
  statements: readonly Statement[];
}

/** What a document is attached to decides which elements it needs. */
export type PolicyKind = "identity" | "trust" | "resource";

const many = z.union([z.string(), z.array(z.string())]).transform((v) => (typeof v === "string" ? [v] : v));
const scalar = z.union([z.string(), z.boolean().transform(String), z.number().transform(String)]);
const scalars = z.union([scalar.transform((v) => [v]), z.array(scalar)]);
const principal = z.union([
  z.literal("*").transform(() => ({ "*": ["*"] })),
  z.record(z.enum(["AWS", "Service", "Federated", "CanonicalUser"]), many.optional()),
]);
const statement = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(["Allow", "Deny"]),
  Action: many.optional(),
  NotAction: many.optional(),
  Resource: many.optional(),
  NotResource: many.optional(),
  Principal: principal.optional(),
  NotPrincipal: principal.optional(),
  Condition: z.record(z.string(), z.record(z.string(), scalars)).optional(),
});
const document = z.strictObject({
  Version: z.enum(["2012-10-17", "2008-10-17"]).optional(),
  Id: z.string().optional(),
  Statement: z.union([statement.transform((s) => [s]), z.array(statement).min(1)]),
});

const malformed = (message: string): AwsError => new AwsError("MalformedPolicyDocument", message, 400);

/** @throws AwsError MalformedPolicyDocument, in AWS's words where they are known, for the first thing wrong. */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed("Syntax errors in policy.");
  }
  const parsed = document.safeParse(json);
  if (!parsed.success) throw malformed("Syntax errors in policy.");
  const statements = parsed.data.Statement.map((s) => readStatement(s, kind));
  const sids = statements.flatMap((s) => (s.sid === undefined ? [] : [s.sid]));
  if (new Set(sids).size !== sids.length)
    throw malformed("Statement IDs (SID) in a single policy must be unique.");
  return { variables: parsed.data.Version === "2012-10-17", statements };
}

function readStatement(s: z.infer<typeof statement>, kind: PolicyKind): Statement {
  const actions = choice(s.Action, s.NotAction);
  if (actions === undefined) throw malformed("Policy statement must contain actions.");
  for (const action of actions.values) {
    if (action !== "*" && !/^[a-z0-9-]+:[A-Za-z0-9*?]+$/i.test(action)) {
      throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
  }
  for (const operator of Object.keys(s.Condition ?? {})) {
    if (parseOperator(operator) === undefined) throw malformed(`Invalid Condition type : ${operator}.`);
  }
  const resources = readResources(choice(s.Resource, s.NotResource), kind);
  const principals = readPrincipals(s, kind);
  return {
    sid: s.Sid,
    effect: s.Effect,
    actions,
    resources,
    principals,
    conditions: s.Condition ?? {},
  };
}

function readResources(resources: Choice | undefined, kind: PolicyKind): Choice | undefined {
  if (kind === "trust") {
    if (resources !== undefined) throw malformed("Has prohibited field Resource");
    return undefined;
  }
  if (resources === undefined) throw malformed("Policy statement must contain resources.");
  for (const resource of resources.values) {
    if (resource !== "*" && !resource.startsWith("arn:")) {
      throw malformed(`Resource ${resource} must be in ARN format or "*".`);
    }
  }
  return resources;
}

function readPrincipals(s: z.infer<typeof statement>, kind: PolicyKind): Principals | undefined {
  const given = s.Principal ?? s.NotPrincipal;
  if (kind === "identity") {
    if (given !== undefined) throw malformed("Policy document should not specify a principal.");
    return undefined;
  }
  if (given === undefined) throw malformed("Missing required field Principal");
  const values = Object.entries(given).flatMap(([name, list]) => (list === undefined ? [] : [[name, list]]));
  return { not: s.Principal === undefined, values: Object.fromEntries(values) };
}

function choice(yes: readonly string[] | undefined, no: readonly string[] | undefined): Choice | undefined {
  if (yes !== undefined && no !== undefined) throw malformed("Syntax errors in policy.");
  if (yes !== undefined) return { not: false, values: yes };
  return no === undefined ? undefined : { not: true, values: no };
}
