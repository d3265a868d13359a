/** What a request is about, by condition key in lower case. A key that is absent has no entry. */
export type Context = ReadonlyMap<string, readonly string[]>;

export function contextOf(
  entries: Readonly<Record<string, string | readonly string[] | undefined>>,
): Context {
  const context = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(entries)) {
    if (value !== undefined) context.set(key.toLowerCase(), typeof value === "string" ? [value] : value);
  }
  return context;
}

/**
 * A pattern of a policy: `*` any run of characters, `?` any one, `${key}` the value of a condition key, taken
 * literally; `${*}`, `${?}` and `${$}` are those characters themselves.
 * Undefined when a variable has no single value: then the element matches nothing (IAM user guide, "Policy
 * variables"). `context` undefined: a document older than 2012-10-17, which knows no variables.
 */
export function compile(pattern: string, context: Context | undefined, flags = ""): RegExp | undefined {
  if (context !== undefined && hasVariables(pattern)) return translate(pattern, context, flags);
  const known = compiled.get(`${flags}/${pattern}`);
  if (known !== undefined) return known;
  const made = translate(pattern, undefined, flags);
  if (made !== undefined) compiled.set(`${flags}/${pattern}`, made);
  return made;
}

export const hasVariables = (pattern: string): boolean => pattern.includes("${");

/** Patterns without variables: every call is held against the same few. */
const compiled = new Map<string, RegExp>();

function translate(pattern: string, context: Context | undefined, flags: string): RegExp | undefined {
  let source = "";
  let rest = pattern;
  while (rest !== "") {
    const variable = context === undefined ? null : /^\$\{([^}]*)\}/.exec(rest);
    if (variable !== null) {
      const value = variableValue(variable[1] ?? "", context ?? new Map());
      if (value === undefined) return undefined;
      source += escapeRegExp(value);
      rest = rest.slice(variable[0].length);
      continue;
    }
    const character = rest.charAt(0);
    source += character === "*" ? "[^]*" : character === "?" ? "[^]" : escapeRegExp(character);
    rest = rest.slice(1);
  }
  return new RegExp(`^${source}$`, flags);
}

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");

/** `key` or `key, 'value when absent'`. */
export function variableValue(variable: string, context: Context): string | undefined {
  if (variable === "*" || variable === "?" || variable === "$") return variable;
  const [, key = "", fallback] = /^\s*([^,\s]+)\s*(?:,\s*'([^']*)')?\s*$/.exec(variable) ?? [];
  const values = context.get(key.toLowerCase());
  if (values === undefined) return fallback;
  return values.length === 1 ? values[0] : undefined;
}

export const matches = (pattern: string, value: string, context: Context | undefined, flags = ""): boolean =>
  compile(pattern, context, flags)?.test(value) ?? false;

/** Actions are compared without regard to case. */
export const matchesAction = (pattern: string, action: string): boolean =>
  matches(pattern, action, undefined, "i");

/**
 * ARNs are compared part by part: a wildcard does not reach over one of the first five colons, and parts missing at
 * the end of a pattern are `*` (IAM user guide, "Resource", "Incomplete ARNs").
 */
export function matchesArn(pattern: string, arn: string, context: Context | undefined): boolean {
  if (pattern === "*") return true;
  const given = parts(arn);
  return divided(pattern).every(
    (part, i) => (part === given[i] && !hasVariables(part)) || matches(part, given[i] ?? "", context),
  );
}

const divisions = new Map<string, readonly string[]>();

/** As `parts`, of a pattern: every call is held against the same few. */
function divided(pattern: string): readonly string[] {
  const known = divisions.get(pattern) ?? parts(pattern);
  divisions.set(pattern, known);
  return known;
}

/** Six parts; the colons inside `${…}` and those of the last part do not divide. */
function parts(arn: string): string[] {
  const found: string[] = [];
  let part = "";
  let inside = false;
  for (const character of arn) {
    if (character === "{") inside = true;
    if (character === "}") inside = false;
    if (character === ":" && !inside && found.length < 5) {
      found.push(part);
      part = "";
    } else {
      part += character;
    }
  }
  return [...found, part];
}
