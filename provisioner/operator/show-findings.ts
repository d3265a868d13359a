import { type Finding, headline, sorted } from "../findings/finding.ts";
import type { Terminal } from "./terminal.ts";

/** Errors before warnings, each with what to do. */
export function showFindings(
  terminal: Pick<Terminal, "warn" | "say" | "style">,
  findings: readonly Finding[],
): void {
  for (const finding of sorted(findings)) {
    const text = finding.level === "error" ? terminal.style.red(headline(finding)) : headline(finding);
    terminal.warn(text);
    terminal.say(`  → ${finding.hint}`);
  }
}
