/** A text in lines no wider than `columns`, the first behind `head` and the others as far in; a long word stands alone. */
export function wrapped(head: string, text: string, columns: number, width = head.length): string[] {
  const room = Math.max(20, columns - width);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((one, i) => `${i === 0 ? head : " ".repeat(width)}${one}`);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what sets colours begins with one.
const COLOUR = /\u001b\[\d+m/g;
const seen = (text: string): number => text.replace(COLOUR, "").length;

/** The same lines, of which none is wider than `columns`: what is too long goes on below, further in. Columns of a table stay. */
export const fitted = (text: string, columns: number): string =>
  text
    .split("\n")
    .map((line) => (seen(line) <= columns ? line : broken(line, columns)))
    .join("\n");

function broken(line: string, columns: number): string {
  const lead = /^ */.exec(line)?.[0].length ?? 0;
  const inward = " ".repeat(Math.min(lead + 2, Math.floor(columns / 2)));
  const lines: string[] = [];
  let current = " ".repeat(lead);
  for (const [, gap = "", word = ""] of line.slice(lead).matchAll(/( *)([^ ]+)/g)) {
    if (current.trim() !== "" && seen(current + gap + word) > columns) {
      lines.push(current);
      current = inward + word;
    } else current += gap + word;
  }
  return [...lines, current].join("\n");
}
