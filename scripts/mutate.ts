/** `npm run mutate -- [WORDS…]`. Ends with 1 when a mutation goes unnoticed or does not apply any more. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { Command } from "commander";
import { copyOf } from "./mutate/copy.ts";
import { mutations } from "./mutate/list/index.ts";
import { failingAnyway, tryOut, type Verdict } from "./mutate/mutate.ts";

const command = new Command("mutate")
  .description(
    "Takes back one mend after the other in a copy of the project, and runs the tests that are to notice.",
  )
  .argument("[words...]", "only those whose name or file has one of these")
  .option("--system", "those whose tests need root and machines, instead of the others", false)
  .option("--list", "only say which there are", false)
  .option("--json", "one JSON document on stdout, progress on stderr", false)
  .showHelpAfterError("(add --help for the options)")
  .parse();
const values = command.opts<{ system: boolean; list: boolean; json: boolean }>();
const words = command.args;
const chosen = mutations
  .filter((m) => (m.system ?? false) === values.system)
  .filter((m) => words.length === 0 || words.some((word) => `${m.name} ${m.file}`.includes(word)));

const marks = { caught: "✓", unnoticed: "✗", unsound: "?" } as const;
const line = ({ result, name, file, by, seconds }: Verdict): string =>
  `| ${marks[result]} ${result} | ${name} | ${file} | ${by.replace(/\s+/g, " ").replaceAll("|", "\\|").slice(0, 300)} | ${seconds} s |\n`;
const say = (text: string): void => void (values.json ? process.stderr : process.stdout).write(text);

if (chosen.length === 0) {
  process.stderr.write("no mutation has that in its name or file\n");
  process.exit(2);
}
if (values.list) {
  const listed = chosen.map(({ name, file }) => ({ name, file }));
  process.stdout.write(
    values.json
      ? `${JSON.stringify(listed, null, 2)}\n`
      : listed.map((m) => `${m.name} (${m.file})\n`).join(""),
  );
  process.exit();
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
