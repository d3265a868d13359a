/** How a deploy or rollback is told once it is over: on the terminal, as JSON, and to GitHub Actions. */
import { appendFile } from "node:fs/promises";
import { messageOf } from "../../agent/site/errors.ts";
import { report as errorReport } from "../operator/fail.ts";
import type { Terminal } from "../operator/terminal.ts";
import type { TimelineStep } from "./timeline.ts";
import type { Visits } from "./visit.ts";

export interface DeployReport {
  command: "deploy" | "rollback";
  site: string;
  url: string;
  kind: "swap" | "in-place";
  /** "unchanged": it was current already, with the same configuration. */
  result: "done" | "unchanged" | "failed";
  release: string | undefined;
  /** What was current before. */
  previous: string | undefined;
  /** The owner afterwards, where it is known. */
  instance: string | undefined;
  seconds: number;
  steps: readonly TimelineStep[];
  /** The image that `--bake` made, as JSON has it. */
  baked?: object;
  /** One visitor's requests, one a second, from the beginning to the end. */
  requests: Visits | undefined;
  error?: unknown;
}

export async function tellReport(
  report: DeployReport,
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const { error, ...rest } = report;
  terminal.json({ ...rest, ...(error === undefined ? {} : { error: errorReport(error) }) });
  try {
    if (env.GITHUB_STEP_SUMMARY) await appendFile(env.GITHUB_STEP_SUMMARY, summaryOf(report));
    if (env.GITHUB_OUTPUT) await appendFile(env.GITHUB_OUTPUT, outputsOf(report));
  } catch (cause) {
    terminal.warn(`the summary for GitHub could not be written: ${messageOf(cause)}`);
  }
}

/** Lines `name=value` of a GitHub Actions step. */
export const outputsOf = ({ release, url, seconds, requests }: DeployReport): string =>
  [
    `release=${release ?? ""}`,
    `url=${url}`,
    `seconds=${seconds}`,
    `failed-requests=${requests?.failed ?? ""}`,
    "",
  ].join("\n");

/** Markdown of a GitHub Actions job summary. */
export function summaryOf(report: DeployReport): string {
  const { release, url, seconds, requests, steps, error, result } = report;
  const what = report.command === "rollback" ? "Rollback" : "Deploy";
  const verdict =
    result === "failed"
      ? `❌ ${what} of ${release ?? "a release"} failed after ${seconds} s`
      : result === "unchanged"
        ? `✅ ${release ?? ""} is current already`
        : `✅ ${release ?? ""} serves ${url} after ${seconds} s`;
  const asked =
    requests === undefined
      ? []
      : [
          `${requests.failed} of ${requests.total} requests failed during the ${what.toLowerCase()}${requests.seen === undefined ? "" : ` (last: ${cell(requests.seen)})`}.`,
          "",
        ];
  const rows = steps.map(
    (s) =>
      `| ${s.state === "done" ? "✓" : "✗"} | ${cell(s.name)} | ${s.start} s | ${s.seconds} s | ${cell(s.detail ?? "")} |`,
  );
  const table = rows.length === 0 ? [] : ["| | step | at | took | |", "|-|-|-:|-:|-|", ...rows, ""];
  return [
    `### ${verdict}`,
    "",
    ...asked,
    ...table,
    ...(error === undefined ? [] : failureOf(error)),
    "",
  ].join("\n");
}

function failureOf(error: unknown): string[] {
  const { message, hint, lines } = errorReport(error);
  const shown = Array.isArray(lines) ? ["", "```", ...lines.map(String), "```"] : [];
  return [
    `**${cell(String(message))}**`,
    ...shown,
    ...(hint === undefined ? [] : ["", `What to do: ${String(hint)}`]),
  ];
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
