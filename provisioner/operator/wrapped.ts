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
