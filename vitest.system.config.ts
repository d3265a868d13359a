import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { common } from "./vitest.config.ts";

/** Seconds of those that take long, side by side on 2 cores; any other takes less than most of these. */
const seconds: Readonly<Record<string, number>> = {
  agent: 180,
  "packing-index": 100,
  state: 120,
  action: 90,
  init: 77,
  certificate: 68,
  packing: 50,
  nspawn: 40,
  "state-uploads": 42,
  install: 39,
  units: 38,
  "certificate-churn": 36,
  logs: 30,
  "certificate-kill": 25,
  killed: 20,
  jobs: 19,
  "certificate-reload": 15,
  configuration: 15,
  passing: 14,
  "layer-check": 14,
  hold: 14,
  packages: 13,
  orders: 16,
  correcting: 12,
  sandbox: 11,
  manners: 8,
  "state-model": 7,
};
const OTHERS = 4;
const secondsOf = ({ moduleId }: TestSpecification): number =>
  seconds[basename(moduleId, ".test.ts")] ?? OTHERS;

/** Shards that take about the same time: the longest first, each to the shard that has least so far. */
class EvenShards extends BaseSequencer {
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index = 1, count = 1 } = this.ctx.config.shard ?? {};
    const shards = Array.from({ length: count }, () => ({ seconds: 0, files: [] as TestSpecification[] }));
    const sorted = [...files].sort(
      (a, b) => secondsOf(b) - secondsOf(a) || (a.moduleId < b.moduleId ? -1 : 1),
    );
    for (const file of sorted) {
      const [least] = [...shards].sort((a, b) => a.seconds - b.seconds);
      least?.files.push(file);
      if (least !== undefined) least.seconds += secondsOf(file);
    }
    return shards[index - 1]?.files ?? [];
  }
}

/** Tests that need root and Debian's tools: real machines, certbot, nginx. One file at a time: they share 2 cores. */
export default defineConfig({
  test: {
    ...common,
    globalSetup: ["test/python.ts"],
    include: ["test/system/**/*.test.ts"],
    exclude: ["test/system/long/**", "node_modules/**"],
    fileParallelism: false,
    // As in vitest.config.ts: most files load the same modules. test/setup.ts gives each the environment it would have alone.
    isolate: false,
    sequence: { sequencer: EvenShards },
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
