import { expect, test } from "vitest";
import { parsePlainJson } from "../../../agent/site/read-json.ts";

const parse = (value: unknown) => parsePlainJson(Buffer.from(JSON.stringify(value)));

test("what would move a terminal's cursor, write its clipboard or ring its bell is taken out, wherever it is", () => {
  const hostile = "a\u001b[2Jb\u001b]52;c;aGk=\u0007c\u009b1md\re\u0000f\u007f";
  expect(parse({ steps: [{ detail: hostile, lines: [hostile] }] })).toEqual({
    steps: [{ detail: "a[2Jb]52;c;aGk=c1mdef", lines: ["a[2Jb]52;c;aGk=c1mdef"] }],
  });
});

test("text is left alone", () => {
  const plain = { text: "Zürich\t1 €\nsecond line", number: 1.5, nothing: null, list: [true, "✓"] };
  expect(parse(plain)).toEqual(plain);
});

test("nothing in it is a command to GitHub's runner", () => {
  expect(parse("::add-mask::x\n  ::error::y\na ::b:: c\nz ##[group]w")).toBe(
    ": :add-mask::x\n  : :error::y\na ::b:: c\nz ## [group]w",
  );
});
