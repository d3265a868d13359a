/** How a deploy or rollback is reported once it is over: as JSON, to GitHub Actions, and on the terminal. */
import { appendFile } from "node:fs/promises";
import { messageOf } from "../../agent/site/errors.ts";
import { report as errorReport } from "../operator/fail.ts";
import { type Terminal, took } from "../operator/terminal.ts";
import { outputsOf, summaryOf } from "./github-summary.ts";
import type { DeployReport } from "./report.ts";

export async function tellReport(
  report: DeployReport,
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const { error, ...rest } = report;
  terminal.json({ ...rest, error: error === undefined ? undefined : errorReport(error) });
  try {
    if (env.GITHUB_STEP_SUMMARY) await appendFile(env.GITHUB_STEP_SUMMARY, summaryOf(report));
    if (env.GITHUB_OUTPUT) await appendFile(env.GITHUB_OUTPUT, outputsOf(report));
  } catch (cause) {
    terminal.warn(`the summary for GitHub could not be written: ${messageOf(cause)}`);
  }
}

/** For a person. A failure is shown by its error. */
export function printReport(report: DeployReport, terminal: Terminal): void {
  const { result, release, requests, seconds, url } = report;
  if (result === "failed") return;
  if (result === "unchanged") {
    terminal.print(`${release} is current already and nothing else changed; --force deploys it anyway`);
    return;
  }
  if (requests !== undefined && requests.failed > 0) {
    terminal.warn(`${requests.failed} of ${requests.total} requests from here failed: ${requests.seen}`);
  }
  const { style } = terminal;
  const seen = requests === undefined ? "" : `, ${requests.failed} of ${requests.total} requests failed`;
  terminal.print(`${style.green("✓")} ${style.bold(url)} is served by ${release} (${took(seconds)}${seen})`);
}
