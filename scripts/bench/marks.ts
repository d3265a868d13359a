import type { Boot } from "../rehearsal/result.ts";

/** The parts of article.sh, from its lines "<part> <epoch seconds>"; each begins where the one before ended. */
export function partsOf(text: string): { started: number; steps: Boot["steps"] } {
  const marks = text
    .trim()
    .split("\n")
    .map((line) => ({ name: line.split(" ")[0] ?? "", at: Number(line.split(" ")[1]) * 1000 }));
  const [first, ...rest] = marks;
  if (first?.name !== "started" || marks.some((m) => !Number.isFinite(m.at))) {
    throw new Error(`no marks of a set-up: ${text}`);
  }
  const steps = rest.map(({ name, at }, i) => {
    const before = (i === 0 ? first : rest[i - 1])?.at ?? first.at;
    return { name, start: (before - first.at) / 1000, seconds: (at - before) / 1000, state: "done" as const };
  });
  return { started: first.at, steps };
}
