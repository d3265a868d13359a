import { build } from "esbuild";
import { expect, test } from "vitest";
import { withoutUnused } from "../../scripts/build/unused.ts";

async function bundle(plugins: (typeof withoutUnused)[]) {
  const { outputFiles } = await build({
    stdin: {
      contents: `import * as z from "zod";
        export const parse = (v) => z.strictObject({ a: z.string().optional(), b: z.array(z.int()), c: z.iso.datetime() }).safeParse(v);
`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: "esm",
    minify: true,
    plugins,
  });
  return outputFiles[0]?.text ?? "";
}

/** Fails when a new version of zod keeps it somewhere else. */
test("without JSON Schema, zod's schemas are smaller and work as before", async () => {
  const lean = await bundle([withoutUnused]);
  expect(lean.length).toBeLessThan((await bundle([])).length - 10_000);
  const { parse } = await import(`data:text/javascript,${encodeURIComponent(lean)}`);
  expect(parse({ b: [1], c: "2026-11-21T00:00:00Z" })).toMatchObject({ success: true });
  expect(
    parse({ b: ["x"], c: "yesterday", d: 1 })
      .error.issues.map((i: { code: string }) => i.code)
      .sort(),
  ).toEqual(["invalid_format", "invalid_type", "unrecognized_keys"]);
});
