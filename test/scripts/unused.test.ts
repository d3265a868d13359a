import { expect, test } from "vitest";
import { stubs } from "../../scripts/build/unused.ts";

test("a module of stubs has the same exports", async () => {
  const source = [
    'import { x } from "./x.js";',
    "export function a(b) { return x(b); }",
    "export const c = () => a(1);",
    "const d = 1;",
    "export { d as process };",
  ].join("\n");
  const module = (await import(`data:text/javascript,${encodeURIComponent(stubs(source))}`)) as Record<
    string,
    () => unknown
  >;
  expect(Object.keys(module).sort()).toEqual(["a", "c", "process"]);
  expect(module.c?.()).toBeUndefined();
});
