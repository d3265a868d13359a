import { readFile, writeFile } from "node:fs/promises";
import { isFine, type Outcome } from "./outcome.ts";

const HEAD = [
  "Project",
  "Commit",
  "Debian",
  "Result",
  "Asked for by `init`",
  "Commands after that",
  "Attempts",
  "Packing",
  "Up",
  "Deploy",
  "Heal",
];
const BEGIN = "<!-- table: scripts/rehearse --project … --write -->";
const END = "<!-- end of the table -->";

/** Cells of one project. Seconds are rounded: they are of one machine on one day. */
export function row(outcome: Outcome): string[] {
  const { seconds } = outcome;
  const took = (value: number | undefined) => (value === undefined ? "" : `${Math.round(value)} s`);
  const result =
    outcome.result === "served"
      ? ["served", outcome.flaw ?? []].flat().join("; ")
      : `${outcome.result}: ${outcome.reason ?? ""}`;
  return [
    outcome.project,
    outcome.commit ?? "",
    outcome.os?.replace("debian-", "") ?? "",
    isFine(outcome) ? result : `${result}, but ${outcome.problems.join("; ")}`,
    outcome.asked.map((name) => (/^\w+$/.test(name) ? `\`${name}\`` : name)).join(", "),
    outcome.commands.length === 0 ? "" : outcome.commands.map((command) => `\`${command}\``).join(", "),
    outcome.attempts === 0 ? "" : String(outcome.attempts),
    ...[seconds.packing, seconds.up, seconds.deploy, seconds.heal].map(took),
  ];
}

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;

/** As Markdown. */
export const table = (outcomes: readonly Outcome[]): string => page(outcomes.map((o) => line(row(o))));

const page = (rows: readonly string[]): string =>
  [line(HEAD), line(HEAD.map(() => "---")), ...rows].join("\n");

/** Puts the projects' rows into a page with a table; those of other projects stay. */
export function withRows(text: string, outcomes: readonly Outcome[]): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN} … ${END}`);
  const old = text
    .slice(begin + BEGIN.length, end)
    .split("\n")
    .filter((l) => l.startsWith("|"))
    .slice(2);
  const nameOf = (l: string) => l.split("|")[1]?.trim() ?? "";
  const fresh = new Map(outcomes.map((o) => [o.project, line(row(o))]));
  const kept = old.map((l) => {
    const mine = fresh.get(nameOf(l));
    fresh.delete(nameOf(l));
    return mine ?? l;
  });
  return `${text.slice(0, begin + BEGIN.length)}\n${page([...kept, ...fresh.values()])}\n${text.slice(end)}`;
}

export async function writeRows(file: string, outcomes: readonly Outcome[]): Promise<void> {
  await writeFile(file, withRows(await readFile(file, "utf8"), outcomes));
}

/** For a terminal: one block a project. */
export function summary(outcomes: readonly Outcome[]): string {
  return outcomes
    .flatMap((o) => {
      const [name, commit, os, result, , , attempts, ...times] = row(o);
      const figures = ["packing", "up", "deploy", "heal"].flatMap((what, i) =>
        times[i] ? [`${what} ${times[i]}`] : [],
      );
      return [
        `${isFine(o) ? "ok    " : "FAILED"} ${name} ${commit} ${os && `on Debian ${os}`}: ${result}`,
        ...(o.commands.length === 0
          ? []
          : [`         ${o.commands.join(" && ")} (${attempts} attempt); ${figures.join(", ")}`]),
        ...o.notes.map((note) => `         (${note})`),
        ...o.warnings.map((warning) => `         ! ${warning}`),
      ];
    })
    .join("\n");
}
