import { expect, test } from "vitest";
import { plainOutput } from "../../../provisioner/operator/plain-output.ts";

const through = (...pieces: string[]): string => {
  const filter = plainOutput();
  return Buffer.concat(pieces.map((piece) => filter(Buffer.from(piece)))).toString();
};

test.each([
  ["plain text, with letters of any kind", "Grüße, 世界\r\n\tx\b", "Grüße, 世界\r\n\tx\b"],
  ["colours", "\u001b[1;31mred\u001b[0m\u001b[K", "\u001b[1;31mred\u001b[0m\u001b[K"],
  ["a title", "a\u001b]0;you are hacked\u0007b", "ab"],
  ["a clipboard", "a\u001b]52;c;cm0gLXJm\u001b\\b", "ab"],
  ["a report that the terminal would type", "a\u001b[6nb\u001b[cc", "abc"],
  ["a device control string", "a\u001bP1$r0m\u001b\\b", "ab"],
  ["a reset", "a\u001bcb", "ab"],
  ["C1, as UTF-8 has it", "a\u009b6nb", "a6nb"],
  ["bells and backs", "a\u0007\u0000\u007fb", "ab"],
])("%s", (_, written, shown) => {
  expect(through(written)).toBe(shown);
  // However it is cut.
  for (let at = 1; at < written.length; at++) {
    expect(through(written.slice(0, at), written.slice(at))).toBe(shown);
  }
});

test("bytes that are no text stay as they are", () => {
  const bytes = Buffer.from([0xff, 0xfe, 0x80, 0x41]);
  expect(Buffer.from(plainOutput()(bytes))).toEqual(bytes);
});

test("a sequence without an end is not waited for forever", () => {
  expect(through(`\u001b]0;${"x".repeat(5000)}`, "after")).toBe("after");
});
