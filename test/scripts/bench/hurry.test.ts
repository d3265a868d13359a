import path from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { nodeOptions } from "../../../scripts/bench/agent-command.ts";

const preload = path.resolve(import.meta.dirname, "../../../scripts/bench/hurry.mjs");
/** As the bundle imports it. */
const program = `
import { setTimeout as delay } from "node:timers/promises";
const began = performance.now();
await delay(5000);
console.log(performance.now() - began);`;

test("a clock that hurries sleeps a fraction of the time, in modules loaded after it", async () => {
  const env = { NODE_OPTIONS: `--import=${preload}`, BENCH_TIMES: "100" };
  const { stdout } = await execa(process.execPath, ["--input-type=module", "--eval", program], { env });
  expect(Number(stdout)).toBeGreaterThanOrEqual(49);
  expect(Number(stdout)).toBeLessThan(2_000);
});

test("the agent is started with the options that its unit gives node", async () => {
  for (const option of await nodeOptions()) expect(option).toMatch(/^--/);
});
