import { defineConfig } from "vitest/config";
import { common } from "./vitest.config.ts";

/** Tests that need root and Debian's tools: real machines, certbot, nginx. One file at a time: they share 2 cores. */
export default defineConfig({
  test: {
    ...common,
    include: ["test/system/**/*.test.ts"],
    exclude: ["test/system/long/**", "node_modules/**"],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
