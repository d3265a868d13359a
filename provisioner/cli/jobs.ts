/** `everspot jobs` and what is below it. */
import { runJob, runJobs } from "../commands/jobs.ts";
import type { SiteCommand } from "./data.ts";

/** @param onEnd what to do with a job's exit code. */
export function addJobs(siteCommand: SiteCommand, onEnd: (exitCode: number) => void): void {
  const jobs = siteCommand(
    "jobs",
    "show how the jobs of [schedule.NAME] went, and when they are due next",
    (config, tools) => runJobs(config, tools),
  );
  siteCommand<{ json: boolean }>(
    "run",
    "run one now, with its output here; ends with its exit code",
    async (config, tools, { json }, name = "") => onEnd(await runJob(config, tools, { name, json })),
    jobs,
  ).argument("<name>", "the NAME of its [schedule.NAME]");
}
