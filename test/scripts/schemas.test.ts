import { build } from "esbuild";
import { expect, test } from "vitest";
import { leanSchemas, onlyErrors, plainKeys } from "../../scripts/build/schemas.ts";

test("computed keys become the names they stand for, others stay", () => {
  const source =
    'const _a = "Alpha";\nconst _b = "x\\"y";\nvar t = { [_a]: 1, [_b]: 2, [_c]: 3, [f(_a)]: 4 };';
  expect(plainKeys(source)).toContain('var t = { "Alpha": 1, "x\\"y": 2, [_c]: 3, [f(_a)]: 4 };');
});

test("only the named errors stay registered, besides a service's base exception", () => {
  const source = [
    "_s_registry.registerError(XServiceException$, XServiceException);",
    "n0_registry.registerError(NoSuchKey$, NoSuchKey);",
    "n0_registry.registerError(Other$, Other);",
  ].join("\n");
  const kept = onlyErrors(source, new Set(["NoSuchKey"]));
  expect(kept).toContain("XServiceException$");
  expect(kept).toContain("registerError(NoSuchKey$");
  expect(kept).not.toContain("Other");
});

/** Fails when a new version of the SDK writes its schemas in another way. */
test("a client shrinks by more than half", async () => {
  const size = async (plugins: ReturnType<typeof leanSchemas>[]) => {
    const { outputFiles } = await build({
      stdin: {
        contents:
          'import { DescribeInstancesCommand } from "@aws-sdk/client-ec2"; console.log(DescribeInstancesCommand);',
        resolveDir: import.meta.dirname,
      },
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      mainFields: ["module", "main"],
      minify: true,
      plugins,
    });
    return outputFiles[0]?.contents.length ?? 0;
  };
  const lean = await size([leanSchemas(new Set())]);
  expect(lean).toBeGreaterThan(10_000);
  expect(await size([])).toBeGreaterThan(2 * lean);
});
