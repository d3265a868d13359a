/** Files that decide what a release brings along. Pure. */
import type { Situation } from "./situation.ts";

/** The text of a requirements.txt, where nothing says what the project needs. */
export function requirements({ declared, packages, generatedBy, learnt }: Situation): string[] {
  if (declared !== undefined) return [];
  // This computer's Django need not be the project's.
  const theirs = learnt.started?.interpreter.ofProject === false;
  const found = learnt.facts?.django ?? undefined;
  const django = theirs ? (generatedBy ?? found) : (found ?? generatedBy);
  const others = packages.filter((p) => !/^(gunicorn|django) /i.test(p)).map(compatible);
  const lines = [django === undefined ? "Django" : compatible(`Django ${django}`), ...others];
  return [
    ["# Written by `everspot init`: what a release brings along.", ...lines, "gunicorn", ""].join("\n"),
  ];
}

/** "Django 5.2.1" as what stays compatible with it: "Django~=5.2.1". */
const compatible = (name: string): string => {
  const [, project = name, version] = /^(\S+) (\d+\.\d+(?:\.\d+)?)$/.exec(name) ?? [];
  return version === undefined
    ? name.replace(" ", "==")
    : `${project}~=${version.split(".").length === 2 ? `${version}.0` : version}`;
};

export function ignores({ secretFiles, ignored }: Situation): string[] {
  if (secretFiles.length === 0) return [];
  const had = ignored ?? "";
  const lines = secretFiles.map((file) => `/${file.replaceAll(/([\\*?[\]!# ])/g, "\\$1")}`);
  const before = had === "" || had.endsWith("\n") ? had : `${had}\n`;
  return [
    `${before}# Not in a release: the app gets its secrets by \`everspot secret set\`.\n${lines.join("\n")}\n`,
  ];
}
