/** Every command there is: how it is used wrongly, and what all have in common; those that take long are in test/system. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { program } from "../../../provisioner/cli/program.ts";
import { root, targets } from "../../../scripts/build/targets.ts";
import { rows, testHelp, testLoss, testMisuse, testUnread, testUse } from "./mannered.ts";
import { openTyped, type Typed } from "./typed.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let typed: Typed;
beforeAll(async () => {
  typed = await openTyped();
});
afterAll(() => typed.close());
afterEach(() => expect(typed.failures).toEqual([]));

/** All of them, with those below them, but for what completes a command line and shows the help. */
function names(of: Command, above: readonly string[] = []): string[] {
  return of.commands.flatMap((command) => {
    const name = [...above, command.name()];
    return [name.join(" "), ...names(command, name)];
  });
}

test("no command is left out", () => {
  const nothing = () => {
    throw new Error("no tools are wanted here");
  };
  const all = names(program("1.2.3", nothing, { words: [], onEnd: () => {} }));
  const own = all.filter((name) => !/^(complete|completion|help)\b/.test(name));
  expect(own.toSorted()).toEqual(rows.map(([name]) => name).toSorted());
});

const get = () => typed;
const short = rows.filter(([, row]) => !row.long && !row.group);

testHelp(get);
testMisuse(get);
testUse(get, short);
testUnread(get, short);

test("so it is for the program itself, as `| head` leaves it", async () => {
  // As it is shipped, but for the minifying. It looks for the version beside it.
  const bundle = path.join(typed.folder, "program/everspot.mjs");
  await build({ ...targets.everspot, minify: false, outfile: bundle });
  await copyFile(path.join(root, "package.json"), path.join(typed.folder, "program/package.json"));
  const words = ["permissions", "--config", path.join(typed.folder, "everspot.toml")];
  const child = spawn(process.execPath, [bundle, ...words]);
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  expect(stderr).toContain("This is one document");
  expect(stderr).not.toMatch(/EPIPE|^\s+at /m);
});

testLoss(get, short);
