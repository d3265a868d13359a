/** The commands of a page of the documents, as a reader types them. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { CLI, type Rehearsal } from "../rehearsal.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const TYPIST = path.join(import.meta.dirname, "typist.py");

/** Lines of a page's blocks of shell commands that call everspot, in order. @param below a heading: of that section alone. */
export async function commandsOf(page: string, below?: string): Promise<string[]> {
  const text = await readFile(path.join(ROOT, page), "utf8");
  const sections = text.split(/^(?=## )/m);
  const part = below === undefined ? text : sections.find((section) => section.startsWith(`## ${below}\n`));
  const lines = [...(part ?? "").matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(
    ([, block]) => block?.split("\n") ?? [],
  );
  const commands = lines.filter((line) => /^everspot /.test(line));
  if (commands.length === 0)
    throw new Error(`${page} has no commands${below === undefined ? "" : ` in "${below}"`}`);
  return commands;
}

/** What a person types where an expression fits what is shown. */
export type Answers = readonly (readonly [expression: string, typed: string])[];

export interface Typed {
  exitCode: number;
  shown: string;
}

/** Runs a line in a terminal, by bash, in the site's folder; `everspot` is the shipped one. */
export async function typed(
  rehearsal: Rehearsal,
  line: string,
  answers: Answers,
  { seconds, env }: { seconds: number; env: NodeJS.ProcessEnv },
): Promise<Typed> {
  const script = `everspot() { ${process.execPath} ${CLI} "$@"; }\n${line}`;
  const command = [
    "python3",
    TYPIST,
    String(seconds),
    JSON.stringify(answers),
    "bash",
    "--norc",
    "-c",
    script,
  ];
  const [program = "", ...args] = command;
  const { exitCode = -1, stdout } = await execa(program, args, {
    cwd: rehearsal.site.folder,
    env: { ...rehearsal.cloud.env, ...env, TERM: "xterm", LANG: "C.UTF-8" },
    reject: false,
    stdin: "ignore",
  });
  return { exitCode, shown: stdout };
}
