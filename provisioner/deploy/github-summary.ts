/** A deploy or rollback as GitHub Actions shows it. Pure. */
import { report as errorReport } from "../operator/fail.ts";
import type { DeployReport } from "./report.ts";

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
  const shown = Array.isArray(lines) ? ["", ...fenced(lines.map(String))] : [];
  return [
    `**${cell(String(message))}**`,
    ...shown,
    ...(hint === undefined ? [] : ["", `What to do: ${String(hint)}`]),
  ];
}

/** A block of code that nothing in it ends (CommonMark, fenced code blocks). */
function fenced(lines: readonly string[]): string[] {
  const runs = lines.flatMap((line) => line.match(/`{3,}/g) ?? []).map((run) => run.length);
  const fence = "`".repeat(Math.max(2, ...runs) + 1);
  return [fence, ...lines, fence];
}

const cell = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("|", "\\|").replaceAll("\n", " ");
