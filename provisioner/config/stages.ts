import { closest } from "./closest.ts";
import { type Finding, valueAt } from "./findings.ts";
import { stageName } from "./schema.ts";

export type Table = Record<string, unknown>;

/** Keys a stage never takes over from the main site: its names in DNS are its own. */
const OWN = ["domain", "aliases"] as const;

/**
 * The main table with a stage's overrides laid over it: tables merge, everything else replaces. A stage is a site of
 * its own beside the main one, with a name of its own.
 */
export function stageTable(main: Table, overrides: Table, stage: string): Table {
  const base = Object.fromEntries(Object.entries(main).filter(([key]) => !OWN.some((own) => own === key)));
  const site = typeof main.site === "string" ? { site: `${main.site}-${stage}` } : {};
  const own = isTable(overrides.app) ? overrides.app : {};
  // The one is a name of the main site's; of the other two, a stage that names one runs that.
  const dropped = ["redirect_to", ...("asgi" in own ? ["wsgi"] : []), ...("wsgi" in own ? ["asgi"] : [])];
  const app =
    isTable(base.app) &&
    Object.fromEntries(Object.entries(base.app).filter(([key]) => !dropped.includes(key)));
  return merge({ ...base, ...site, ...(app && { app }) }, overrides);
}

function merge(base: Table, over: Table): Table {
  const merged: Table = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key];
    merged[key] = isTable(old) && isTable(value) ? merge(old, value) : value;
  }
  return merged;
}

/**
 * What is wrong with the stages; findings that the main table has too are not repeated.
 * @param check says what is wrong with a site's table.
 */
export function stageFindings(
  main: Table,
  stages: unknown,
  mainFindings: readonly Finding[],
  check: (table: Table) => Finding[],
): Finding[] {
  if (stages === undefined) return [];
  if (!isTable(stages)) return [{ path: ["stages"], message: "must be tables like [stages.dev]" }];
  const known = new Set(mainFindings.map((f) => f.path.join(".")));
  const taken = new Map(names(main).map((name) => [name, "the main site"]));
  return Object.entries(stages).flatMap(([stage, overrides]) => {
    const at = ["stages", stage];
    if (!stageName.test(stage)) {
      return [{ path: at, message: "a stage's name is lower-case letters, digits and single hyphens" }];
    }
    if (!isTable(overrides)) return [{ path: at, message: `must be a table: [stages.${stage}]` }];
    const findings = stageOwn(stageTable(main, overrides, stage), overrides, stage, check)
      .filter((f) => !(known.has(f.path.join(".")) && inherited(f, overrides)))
      .map((f) => ({ ...f, path: [...at, ...f.path] }));
    const clashes = names(overrides).flatMap((name): Finding[] => {
      const by = taken.get(name);
      taken.set(name, `stage ${stage}`);
      if (by === undefined) return [];
      const path = [...at, name === overrides.domain ? "domain" : "aliases"];
      return [{ path, message: `"${name}" belongs to ${by}`, hint: "every stage needs its own names" }];
    });
    return [...findings, ...clashes];
  });
}

const inherited = (finding: Finding, overrides: Table): boolean =>
  !OWN.some((own) => own === finding.path[0]) && valueAt(overrides, finding.path) === undefined;

function stageOwn(
  merged: Table,
  overrides: Table,
  stage: string,
  check: (table: Table) => Finding[],
): Finding[] {
  if ("site" in overrides) {
    return [{ path: ["site"], message: "cannot be set in a stage", hint: "a stage is named <site>-<stage>" }];
  }
  return check(merged).map((f) =>
    f.path.join(".") === "domain" && f.message === "is missing"
      ? { ...f, hint: `a stage needs its own name in DNS: domain = "${stage}.example.com"` }
      : f,
  );
}

/** @returns the finding, when the stage asked for is not in the file. */
export function missingStage(stages: unknown, stage: string): { message: string; hint: string } | undefined {
  const known = isTable(stages) ? Object.keys(stages) : [];
  if (known.includes(stage)) return undefined;
  const meant = closest(stage, known);
  const hint =
    meant !== undefined
      ? `did you mean --stage ${meant}?`
      : known.length > 0
        ? `stages in the file: ${known.join(", ")}`
        : `add [stages.${stage}] with a domain of its own`;
  return { message: `there is no stage "${stage}"`, hint };
}

const names = (table: Table): string[] =>
  [table.domain, ...(Array.isArray(table.aliases) ? table.aliases : [])].filter((n) => typeof n === "string");

export const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
