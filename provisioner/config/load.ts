import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse, TomlError } from "smol-toml";
import type { Rule } from "../../agent/site/config/text.ts";
import { EverspotError, messageOf, USAGE } from "../../agent/site/errors.ts";
import { type Finding, findingsOf } from "./findings.ts";
import { lineOf } from "./lines.ts";
import { crossFindings } from "./rules.ts";
import { siteFile } from "./schema.ts";
import { commandFindings, complainAboutCommand } from "./shell.ts";
import type { SiteConfig } from "./site-config.ts";
import { isTable, missingStage, stageFindings, stageTable, type Table } from "./stages.ts";

/** @throws EverspotError (exit code 2) that names every problem of the file at once. */
export async function loadConfig(file: string, stage?: string): Promise<SiteConfig> {
  const full = path.resolve(file);
  const text = await readFile(full, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const hint =
      cause.code === "ENOENT"
        ? "`everspot init` writes one in the folder of the project; --config names it from elsewhere"
        : undefined;
    throw new EverspotError(
      cause.code === "ENOENT" ? `there is no ${file}` : `${file}: ${messageOf(cause)}`,
      {
        exitCode: USAGE,
        cause,
        hint,
      },
    );
  });
  return parseConfig(text, full, stage, complainAboutCommand);
}

/** @param shell says what is wrong with a command; without it commands are not checked. */
export function parseConfig(text: string, file: string, stage?: string, shell?: Rule): SiteConfig {
  const { stages, ...main } = parseToml(text, file);
  const check = (table: Table) => findingsIn(table, shell);
  const mainFindings = check(main);
  const findings = [...mainFindings, ...stageFindings(main, stages, mainFindings, check)];
  if (findings.length > 0) throw invalid(findings, text, file);
  const configOf = (table: Table): SiteConfig => {
    const parsed = siteFile.parse(table);
    return { ...parsed, file, folder: path.join(path.dirname(file), parsed.app.root), stage };
  };
  if (stage === undefined) return configOf(main);
  const missing = missingStage(stages, stage);
  if (missing !== undefined) {
    throw new EverspotError(missing.message, { resource: file, hint: missing.hint, exitCode: USAGE });
  }
  const overrides = isTable(stages) && isTable(stages[stage]) ? stages[stage] : {};
  return configOf(stageTable(main, overrides, stage));
}

function parseToml(text: string, file: string): Table {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    throw new EverspotError(`${path.basename(file)} is not valid TOML`, {
      resource: `${file}:${cause.line}:${cause.column}`,
      lines: cause.message
        .replace(/^Invalid TOML document: /, "")
        .trimEnd()
        .split("\n"),
      exitCode: USAGE,
      cause,
    });
  }
}

function findingsIn(table: Table, shell: Rule | undefined): Finding[] {
  const parsed = siteFile.safeParse(table);
  return [
    ...(parsed.success ? [] : findingsOf(parsed.error.issues, siteFile, table)),
    ...crossFindings(table),
    ...(shell === undefined ? [] : commandFindings(table, shell)),
  ];
}

function invalid(findings: readonly Finding[], text: string, file: string): EverspotError {
  const name = path.basename(file);
  const lines = findings
    .map((f) => ({ ...f, line: lineOf(text, f.path) }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .map((f) => {
      const where = f.line === undefined ? "" : `${name}:${f.line}  `;
      return `${where}${dotted(f.path)}: ${f.message}${f.hint === undefined ? "" : ` (${f.hint})`}`;
    });
  const count = findings.length === 1 ? "a problem" : `${findings.length} problems`;
  return new EverspotError(`${name} has ${count}`, {
    resource: file,
    lines,
    hint: "every key is explained in everspot.example.toml",
    exitCode: USAGE,
  });
}

const dotted = (parts: readonly (string | number)[]): string =>
  parts.map((p, i) => (typeof p === "number" ? `[${p}]` : i === 0 ? p : `.${p}`)).join("");
