/** The difference of two texts, line by line, as `diff -u` shows it. Pure. */

/** Lines around a change. */
const AROUND = 2;

/** @returns nothing when they are the same; "+", "-" or " " before each line. */
export function diffLines(before: string, after: string): string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  const all = walk(a, b);
  const changed = all.flatMap((line, i) => (line.startsWith(" ") ? [] : [i]));
  if (changed.length === 0) return [];
  const shown = all.map((_, i) => changed.some((at) => Math.abs(at - i) <= AROUND));
  return all.flatMap((line, i) => {
    if (shown[i]) return [line];
    return i === 0 || shown[i - 1] ? ["  …"] : [];
  });
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** By the longest common subsequence: these files are short. */
function walk(a: readonly string[], b: readonly string[]): string[] {
  const longest = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number): number => longest[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = longest[i] as number[];
    for (let j = b.length - 1; j >= 0; j--) {
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const found: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push(`  ${a[i++]}`);
      j++;
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) {
      found.push(`- ${a[i++]}`);
    } else {
      found.push(`+ ${b[j++]}`);
    }
  }
  return found;
}
