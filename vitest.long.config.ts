import { defineConfig } from "vitest/config";
import system from "./vitest.system.config.ts";

/** What takes minutes of waiting on real machines: `scripts/test --long`. */
export default defineConfig({
  test: {
    ...system.test,
    include: ["test/system/long/**/*.test.ts"],
    exclude: ["node_modules/**"],
    testTimeout: 900_000,
  },
});
