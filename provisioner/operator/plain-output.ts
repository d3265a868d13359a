/**
 * What a command on the instance writes, made fit for a terminal: whoever has the instance could otherwise set its title or
 * clipboard, or have it type. Of escape sequences (ECMA-48) only colours and "clear the line" are left, of control
 * characters tab, line feed, carriage return and backspace. All bytes besides stay as they are.
 * @returns a filter for the pieces of one output, one after the other.
 */
export function plainOutput(): (bytes: Uint8Array) => Uint8Array {
  /** The part of an escape sequence that came with an earlier piece. */
  let open = "";
  return (bytes) => {
    // One character a byte.
    const text = open + Buffer.from(bytes).toString("latin1");
    const cut = UNFINISHED.exec(text)?.[0] ?? "";
    open = cut.length > LONGEST ? "" : cut;
    const whole = text.slice(0, text.length - cut.length);
    return Buffer.from(
      whole.replace(SEQUENCE, (found) => (LEFT.test(found) ? found : "")),
      "latin1",
    );
  };
}

/** Characters of a sequence that is waited for; a longer one is none. */
const LONGEST = 4096;
/** Escape sequences and control characters; C1 as UTF-8 has them. */
const SEQUENCE = new RegExp(
  [
    String.raw`\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?`, // OSC, DCS, SOS, PM and APC, with their text
    String.raw`\x1b\[[\x20-\x3f]*[\x40-\x7e]`, // CSI
    String.raw`\x1b[\x20-\x2f]*[\x30-\x7e]?`,
    String.raw`\xc2[\x80-\x9f]`,
    String.raw`[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]`,
  ].join("|"),
  "g",
);
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFINISHED = /(?:\x1b(?:[\]PX^_][^\x07\x1b]*\x1b?|\[[\x20-\x3f]*|[\x20-\x2f]*)|\xc2)$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const LEFT = /^\x1b\[[\d;]*[mK]$/;
