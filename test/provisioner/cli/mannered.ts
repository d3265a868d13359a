/** Tests of commands, in the order of a site's life: each is played in a narrow terminal, for a program, and after a loss. */
import { expect, test } from "vitest";
import { type Manners, manners } from "./manners.ts";
import { COLUMNS, type Said, type Typed } from "./typed.ts";

type Row = [name: string, row: Manners];
export const rows: Row[] = Object.entries(manners);

/** What is wider than the terminal, but for one word, such as an address. */
const wide = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.split("\r\u001b[K").at(-1) ?? "")
    .filter((line) => line.length > COLUMNS && /\S\s+\S/.test(line.trim()));

/** @throws unless it ended as it should, without a word of a bug. */
function ended({ code, stdout, stderr }: Said, wanted: number, says: RegExp = /^/): void {
  expect([code, stdout + stderr]).toEqual([wanted, expect.stringMatching(says)]);
  expect(stderr).not.toMatch(/bug:|EPIPE|^\s+at /m);
}

export function testHelp(typed: () => Typed): void {
  test.each(rows)("%s --help fits 60 columns", async (name, row) => {
    const said = await typed().everspot(name, ["--help"], row, { narrow: true });
    ended(said, 0, /^Usage: everspot /);
    expect(wide(said.stdout)).toEqual([]);
  });
}

export function testMisuse(typed: () => Typed): void {
  test.each(rows)("%s, used wrongly: 2, and why", async (name, { wrong: [words, why], ...row }) => {
    ended(await typed().everspot(name, words, row), 2, why);
  });

  test.each(rows.filter(([, row]) => !row.local))(
    "%s, without permission: what is missing is named",
    async (name, row) => {
      const said = await typed().unpermitted(() => typed().everspot(name, row.words ?? [], row));
      ended(said, 1, /not authorized to perform: [a-z0-9]+:[A-Z]\w+|must allow s3:\w+/);
    },
  );
}

export function testUse(typed: () => Typed, own: readonly Row[]): void {
  test.each(own)("%s, in a terminal of 60 columns: no line is wider", async (name, row) => {
    const said = await typed().everspot(name, row.words ?? [], row, { narrow: true });
    ended(said, 0);
    expect(wide(said.stdout + said.stderr)).toEqual([]);
  });

  test.each(own)("%s --json: one document that says whose it is", async (name, row) => {
    const said = await typed().everspot(name, row.words ?? [], row, { json: true });
    ended(said, 0);
    expect(JSON.parse(said.stdout)).toMatchObject({ command: name });
  });
}

/** Nothing is said of it, and the command goes on. */
export function testUnread(typed: () => Typed, own: readonly Row[]): void {
  test.each(own)("%s, where no one reads", async (name, row) => {
    ended(await typed().everspot(name, row.words ?? [], row, { unread: true }), 0);
  });
}

export function testLoss(typed: () => Typed, own: readonly Row[]): void {
  test("the instance goes, and none comes", () => typed().loseInstance());

  test.each(own.filter(([, row]) => !row.local))("%s, where the instance is gone", async (name, row) => {
    const [code, why] = row.gone ?? [0, /^/];
    const said = await typed().everspot(name, [...(row.words ?? []), ...(row.briefly ?? [])], row);
    ended(said, code, why);
  });
}
