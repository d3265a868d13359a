import { type BootRecord, type BootStep, failedStep, stepLabel } from "../../agent/site/boot-record.ts";
import { took } from "../operator/terminal.ts";

/** What a boot did since it was last looked at: steps that ended, new attempts, new warnings. */
export interface BootNews {
  attempt: number | undefined;
  ended: BootStep[];
  warnings: string[];
}

export function newsOf(before: BootRecord | undefined, now: BootRecord): BootNews {
  const same = before !== undefined && before.bootId === now.bootId && before.attempt === now.attempt;
  const over = (record: BootRecord | undefined) =>
    (record?.steps ?? []).filter((s) => s.state === "done" || s.state === "failed");
  const known = new Set(same ? over(before).map(stepLabel) : []);
  return {
    attempt: same || (before === undefined && now.attempt === 1) ? undefined : now.attempt,
    ended: over(now)
      .filter((s) => !known.has(stepLabel(s)))
      .sort((a, b) => a.start + (a.seconds ?? 0) - (b.start + (b.seconds ?? 0))),
    warnings: now.warnings.filter((w) => !(same && before.warnings.includes(w))),
  };
}

/** What a boot is doing, in a few words. */
export function describeBoot(record: BootRecord): string {
  const running = record.steps.filter((s) => s.state === "running").map(stepLabel);
  const failed = failedStep(record, "boot");
  if (record.state === "failed" && failed !== undefined)
    return `${failed.name} failed: ${failed.error ?? ""}`;
  if (running.length > 0) return `at ${running.join(", ")}`;
  return record.state;
}

/** Reports what is new, a line each. */
export function tellNews(
  news: BootNews,
  { say, warn }: { say: (text: string) => void; warn: (text: string) => void },
): void {
  if (news.attempt !== undefined) say(`  attempt ${news.attempt}`);
  for (const step of news.ended) {
    const label = stepLabel(step);
    const text = `${label}${step.detail === undefined ? "" : `: ${step.detail}`}`;
    const time = step.seconds === undefined ? "" : ` (${took(step.seconds)})`;
    if (step.state === "done") say(`  ✓ ${text}${time}`);
    else warn(`${label} failed: ${step.error ?? "no reason given"}${time}`);
  }
  for (const warning of news.warnings) warn(warning);
}
