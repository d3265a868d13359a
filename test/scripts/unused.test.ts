import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { withoutUnused } from "../../scripts/build/unused.ts";

const SCHEMA = `import * as z from "zod";
  export const parse = (v) => z.strictObject({ a: z.string().optional(), b: z.array(z.int()), c: z.iso.datetime() }).safeParse(v);`;

async function bundle(plugins: (typeof withoutUnused)[], contents = SCHEMA) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: "esm",
    minify: true,
    platform: "node",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    plugins,
  });
  return outputFiles[0]?.text ?? "";
}

async function load(code: string) {
  const folder = await mkdtemp(join(tmpdir(), "everspot-bundle-"));
  try {
    await writeFile(join(folder, "lean.mjs"), code);
    return await import(pathToFileURL(join(folder, "lean.mjs")).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Fails when a new version of zod keeps it somewhere else. */
test("without JSON Schema, zod's schemas are smaller and work as before", async () => {
  const lean = await bundle([withoutUnused]);
  expect(lean.length).toBeLessThan((await bundle([])).length - 10_000);
  const { parse } = await load(lean);
  expect(parse({ b: [1], c: "2026-11-21T00:00:00Z" })).toMatchObject({ success: true });
  expect(
    parse({ b: ["x"], c: "yesterday", d: 1 })
      .error.issues.map((i: { code: string }) => i.code)
      .sort(),
  ).toEqual(["invalid_format", "invalid_type", "unrecognized_keys"]);
});

/** Fails when a new version of execa needs for a plain call what is left out. */
test("execa alone runs programs as before", async () => {
  const contents =
    'export { run, succeeds } from "../../agent/system/run.ts"; export { execa } from "execa";';
  const lean = await bundle([withoutUnused], contents);
  expect(lean.length).toBeLessThan((await bundle([], contents)).length - 25_000);
  const { run, succeeds, execa } = await load(lean);
  expect(await run("cat", [], { input: "in and out\n" })).toBe("in and out");
  expect(await run("sh", ["-c", "echo $A; pwd"], { env: { A: "b" }, cwd: "/" })).toBe("b\n/");
  expect([await succeeds("true", []), await succeeds("false", [])]).toEqual([true, false]);
  await expect(run("sh", ["-c", "echo out; echo err >&2; exit 3"])).rejects.toMatchObject({
    message: "sh -c echo out; echo err >&2; exit 3: exit code 3",
    lines: ["out", "err"],
  });
  await expect(run("sleep", ["30"], { seconds: 0.05 })).rejects.toThrow("not done after 0.05 s");
  await expect(run("sleep", ["30"], { signal: AbortSignal.timeout(50) })).rejects.toThrow(/timeout/);
  await expect(run("sh", ["-c", "kill -9 $$"])).rejects.toThrow("ended by SIGKILL");
  await expect(run("no-such-program", [])).rejects.toThrow(/ENOENT/);
  const plain = await execa("sh", ["-c", "echo a; exit 4"], { reject: false, all: true, stdin: "ignore" });
  expect(plain).toMatchObject({ stdout: "a", all: "a", exitCode: 4 });
});
