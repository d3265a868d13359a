import { spawnSync } from "node:child_process";
import type { Complaint, Rule } from "../../agent/site/config/text.ts";
import type { Finding } from "./findings.ts";

const known = new Map<string, Complaint | undefined>();

/** What this computer's shell finds wrong with a command, without running it; nothing where there is no shell. */
export const complainAboutCommand: Rule = (command) => {
  // Each stage has most of the file's commands again.
  if (!known.has(command)) known.set(command, askShell(command));
  return known.get(command);
};

const askShell: Rule = (command) => {
  const { status, stderr } = spawnSync("sh", ["-n"], { input: command, encoding: "utf8", timeout: 5_000 });
  if (status === null || status === 0) return undefined;
  const [said = ""] = stderr.trim().split("\n");
  return { message: "is not a valid shell command", hint: said.replace(/^(?:.*?: )?(?:line )?\d+: /, "") };
};

type Raw = Readonly<Record<string, unknown>>;

/** @param raw the whole table; anything in it that is not text is left to the schema. */
export function commandFindings(raw: Raw, complain: Rule): Finding[] {
  const look = (step: unknown, path: (string | number)[]): Finding[] => {
    if (Array.isArray(step)) return step.flatMap((inner, i) => look(inner, [...path, i]));
    const complaint = typeof step === "string" ? complain(step) : undefined;
    return complaint === undefined ? [] : [{ path, ...complaint }];
  };
  const { before_start: steps } = tableOf(raw.app);
  return [
    ...(Array.isArray(steps) ? look(steps, ["app", "before_start"]) : []),
    ...["schedule", "worker"].flatMap((kind) =>
      Object.entries(tableOf(raw[kind])).flatMap(([name, one]) =>
        look(tableOf(one).run, [kind, name, "run"]),
      ),
    ),
  ];
}

const tableOf = (value: unknown): Raw => (typeof value === "object" && value !== null ? { ...value } : {});
