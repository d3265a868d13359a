/** What a project says about the Python it runs with, held against the instance's. */
import { errorFinding, type Finding, warningFinding } from "../findings/finding.ts";
import { DEBIANS, fullVersion, named, otherDebians, type PythonTarget } from "./python-target.ts";

export interface PythonWish {
  /** PEP 440, or Poetry's own form: ">=3.11", "==3.11.4", "^3.11", "~3.11 || ^3.13". */
  specifier: string;
  /** Where it stands, e.g. "requires-python in uv.lock". */
  where: string;
}

/** Which of the versions each specifier (PEP 440) takes. @returns a row for each specifier. */
export type Satisfy = (specifiers: readonly string[], versions: readonly string[]) => Promise<boolean[][]>;

/** Higher than any patch level that Python ever had. */
const PATCH_LEVELS = 40;

export async function pythonFindings(
  wishes: readonly PythonWish[],
  target: PythonTarget,
  satisfy: Satisfy,
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const wish of distinct(wishes)) {
    const alternatives = standardForms(wish.specifier);
    if (alternatives.length === 0) continue;
    const takes = async (versions: readonly string[]) =>
      (await satisfy(alternatives, versions)).some((row) => row.includes(true));
    const minor = (python: string) =>
      takes(Array.from({ length: PATCH_LEVELS }, (_, patch) => `${python}.${patch}`));
    if (await takes([fullVersion(target)])) continue;
    const asked = `${wish.where} asks for Python ${wish.specifier}`;
    const other = otherDebians(target);
    if (await minor(target.python)) {
      found.push(
        warningFinding("packing.W020", `${asked}, and the instance has ${named(target)}`, {
          where: wish.where,
          hint: `it is packed all the same; loosen it to ==${target.python}.*`,
        }),
      );
      continue;
    }
    const fitting = [];
    for (const debian of other) if (await minor(debian.python)) fitting.push(debian);
    const [fit] = fitting;
    found.push(
      errorFinding("packing.E020", `${asked}, but the instance has ${named(target)}`, {
        where: wish.where,
        hint:
          fit === undefined
            ? `loosen it and lock again; there are ${DEBIANS.map((d) => `Python ${d.full} (${d.os})`).join(" and ")}`
            : `set [image] os = "${fit.os}", which has Python ${fit.full}`,
      }),
    );
  }
  return found;
}

/** The same wish in pyproject.toml and its lock is one. */
const distinct = (wishes: readonly PythonWish[]): PythonWish[] =>
  wishes.filter(
    (w, i) =>
      wishes.findIndex((o) => o.specifier.replace(/\s/g, "") === w.specifier.replace(/\s/g, "")) === i,
  );

/** Poetry's caret, tilde and "||" as PEP 440 has them: alternatives, none for "*". */
export function standardForms(specifier: string): string[] {
  const alternatives = specifier.split("||").map((part) =>
    part
      .split(/,|\s+(?=[<>=!~^])/)
      .map((clause) => clause.trim())
      .filter((clause) => clause !== "" && clause !== "*")
      .map(standardForm)
      .join(","),
  );
  return alternatives.includes("") ? [] : alternatives;
}

function standardForm(clause: string): string {
  const [, operator = "", version = ""] = /^([<>=!~^]*)\s*(.*)$/.exec(clause) ?? [];
  const [major = "3", minor] = version.split(".");
  const next = `<${major}.${Number(minor ?? 0) + 1}`;
  switch (operator) {
    case "^":
      return `>=${version},<${Number(major) + 1}`;
    case "~":
      return minor === undefined ? `>=${version},<${Number(major) + 1}` : `>=${version},${next}`;
    case "":
    case "=":
      return `==${version}`;
    default:
      return operator + version;
  }
}
