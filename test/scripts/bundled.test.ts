import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/build/targets.ts";

/** Who looks at the sources while they change has them loaded as they are. */
const once = process.env.VITEST_MODE !== "WATCH";

test.runIf(once)("tests run bundled, and what they load knows where its source lies", () => {
  expect(new Error("here").stack).toContain(path.join(root, "node_modules/.cache/tests"));
  expect(import.meta.filename).toBe(path.join(root, "test/scripts/bundled.test.ts"));
  expect(import.meta.url).toBe(`file://${import.meta.filename}`);
});
