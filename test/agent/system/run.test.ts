import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as source from "../../../agent/system/run.ts";
import { targets } from "../../../scripts/build/targets.ts";

let folder: string;
let bundled: typeof source;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-run-"));
  const { outputFiles } = await build({
    ...targets.agent,
    entryPoints: ["agent/system/run.ts"],
    write: false,
  });
  const file = join(folder, "run.mjs");
  await writeFile(file, outputFiles[0]?.contents ?? "");
  bundled = await import(pathToFileURL(file).href);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([
  ["from its sources", () => source],
  ["as the agent is built", () => bundled],
])("a program, run %s", (_, of) => {
  test("gets what is meant for it, and its output comes back", async () => {
    const { run, succeeds } = of();
    expect(await run("cat", [], { input: "in and out\n" })).toBe("in and out");
    expect(await run("sh", ["-c", "echo $A; pwd"], { env: { A: "b" }, cwd: "/" })).toBe("b\n/");
    expect([await succeeds("true", []), await succeeds("false", [])]).toEqual([true, false]);
  });

  test("that fails is reported with its exit code and last lines", async () => {
    await expect(of().run("sh", ["-c", "echo out; echo err >&2; exit 3"])).rejects.toMatchObject({
      message: "sh -c echo out; echo err >&2; exit 3: exit code 3",
      lines: ["out", "err"],
    });
    await expect(of().run("sh", ["-c", "kill -9 $$"])).rejects.toThrow("ended by SIGKILL");
    await expect(of().run("no-such-program", [])).rejects.toThrow(/ENOENT/);
  });

  test("that takes too long, or is not wanted any more, is ended", async () => {
    await expect(of().run("sleep", ["30"], { seconds: 0.05 })).rejects.toThrow("not done after 0.05 s");
    await expect(of().run("sleep", ["30"], { signal: AbortSignal.timeout(50) })).rejects.toThrow(/timeout/);
  });
});
