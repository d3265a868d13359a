/**
 * `npm run mutate [-- --system] [--json] [WORDS…]`: takes back one mend after the other in a copy of the project, and
 * runs the tests that are to notice. Only those whose name or file has one of the words, if there are any; `--system`
 * those that need root and machines, instead. Ends with 1 when one goes unnoticed or does not apply any more.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { copyOf } from "./mutate/copy.ts";
import { mutations } from "./mutate/list/index.ts";
import { failingAnyway, tryOut, type Verdict } from "./mutate/mutate.ts";

const { values, positionals } = parseArgs({
  options: { system: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const chosen = mutations
  .filter((m) => (m.system ?? false) === values.system)
  .filter(
    (m) => positionals.length === 0 || positionals.some((word) => `${m.name} ${m.file}`.includes(word)),
  );

const marks = { caught: "✓", unnoticed: "✗", unsound: "?" } as const;
const line = ({ result, name, file, by, seconds }: Verdict): string =>
  `| ${marks[result]} ${result} | ${name} | ${file} | ${by.replace(/\s+/g, " ").replaceAll("|", "\\|").slice(0, 300)} | ${seconds} s |\n`;
const say = (text: string): void => void (values.json ? process.stderr : process.stdout).write(text);

if (chosen.length === 0) {
  process.stderr.write("no mutation has that in its name or file\n");
  process.exit(2);
}
const copy = await copyOf(path.resolve(import.meta.dirname, ".."));
const verdicts: Verdict[] = [];
try {
  const failing = await failingAnyway(copy, chosen);
  say("| | without it | file | noticed by | |\n|-|-|-|-|-:|\n");
  for (const mutation of chosen) {
    const verdict = await tryOut(copy, mutation, failing);
    verdicts.push(verdict);
    say(line(verdict));
  }
} finally {
  await rm(copy, { recursive: true, force: true });
}
const missed = verdicts.filter((v) => v.result !== "caught");
if (values.json) process.stdout.write(`${JSON.stringify(verdicts, null, 2)}\n`);
say(`${verdicts.length - missed.length} of ${verdicts.length} caught\n`);
process.exitCode = missed.length === 0 ? 0 : 1;
