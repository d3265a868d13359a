import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { asBundled, bundleTests, removeBundles } from "./scripts/build/tests.ts";

const system = ["test/system/**", "node_modules/**"];

/** What changes the process itself: the flags of V8. */
const apart = ["test/agent/system/memory.test.ts"];

/** What takes longest, so that no other processor waits for it in the end. */
const longest = [
  "provisioner/commands/correcting.test.ts",
  "provisioner/commands/deploy.test.ts",
  "scripts/questions/contact.test.ts",
  "provisioner/deploy/killed.test.ts",
  "agent/duty/on-duty.test.ts",
  "provisioner/commands/deploy-roles.test.ts",
  "provisioner/deploy/bake-killed.test.ts",
  "provisioner/commands/killed.test.ts",
];

/** Vitest begins with what took long the last time; in a fresh clone it knows the files' sizes alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    if (!this.ctx.config.watch) {
      this.ctx.onClose(removeBundles);
      await bundleTests(files.map(({ moduleId }) => moduleId));
    }
    const rank = ({ project, moduleId }: TestSpecification): number => {
      if (project.name !== "unit") return -1;
      const at = longest.findIndex((name) => moduleId.endsWith(name));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** Temporary files in memory, where there is much of it and programs may be run from there: they wait for no disk. */
function temporary(folder = "/dev/shm"): Record<string, string> {
  try {
    const { bavail, bsize } = statfsSync(folder);
    const runsNone = new RegExp(` ${folder} \\S+ \\S*\\bnoexec\\b`).test(
      readFileSync("/proc/mounts", "utf8"),
    );
    return process.env.TMPDIR !== undefined || runsNone || bavail * bsize < 2e9 ? {} : { TMPDIR: folder };
  } catch {
    return {};
  }
}

/** Of every test, those on real machines included. */
export const common = {
  setupFiles: ["test/setup.ts"],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // Before any module loads: the SDK's credential chain must never look for the metadata service.
  env: {
    AWS_EC2_METADATA_DISABLED: "true",
    // What Node 20 is told at each client's making is nothing that a test could mend.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    AWS_ACCESS_KEY_ID: "AKIATEST",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    // As it is anyway; each client would look for it in those files.
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "false",
  },
};

export default defineConfig({
  plugins: [asBundled],
  test: {
    ...common,
    sequence: { sequencer: LongestFirst },
    // One and a half of a processor: tests wait for sockets, files and children about a third of their time.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    projects: [
      // Most of the time would go into loading the same modules for each file: they share a process, and
      // test/setup.ts gives each file the environment it would have alone.
      {
        extends: true,
        test: {
          name: "unit",
          globalSetup: ["test/python.ts"],
          include: ["test/**/*.test.ts"],
          exclude: [...system, ...apart],
          isolate: false,
          env: temporary(),
          // Most of what a test makes is gone soon: with room for more of it V8 collects garbage less often.
          execArgv: ["--max-semi-space-size=64"],
        },
      },
      { extends: true, test: { name: "apart", include: apart } },
    ],
  },
});
