/** Runs files of tests in a copy of the project, and reads which failed. */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";

export type Ran =
  | { outcome: "passed" }
  /** The first that failed, or what else there is to say; and all files in which one did. */
  | { outcome: "failed"; file: string; test: string; files: readonly string[] }
  /** Nothing was tried: a file could not be loaded, or there are no tests in it. */
  | { outcome: "broken"; why: string };

/** Seconds until it counts as hanging. */
const PATIENCE = { unit: 300, system: 1800 };

interface Report {
  numTotalTests: number;
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

/** @param bail whether the first failure is enough. */
export async function runTests(
  copy: string,
  files: readonly string[],
  { system, bail }: { system: boolean; bail: boolean },
): Promise<Ran> {
  if (system) {
    // Machines run what was built.
    const built = await execa("npm", ["run", "--silent", "build"], { cwd: copy, reject: false, all: true });
    if (built.failed) return { outcome: "broken", why: String(built.all).slice(-2000) };
  }
  const output = path.join(copy, "mutate-report.json");
  await rm(output, { force: true });
  const config = system ? "vitest.system.config.ts" : "vitest.config.ts";
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", config, "--reporter=json"];
  // A machine with a lot to do is no reason to say that something was noticed.
  const late = ["--testTimeout=180000", "--hookTimeout=180000"];
  const options = [...late, `--outputFile=${output}`, ...(bail ? ["--bail=1"] : []), ...files];
  const [command, ...args] = [...(system ? ["./scripts/sandbox"] : []), "node", ...vitest, ...options];
  const { timedOut, all } = await execa(command ?? "", args, {
    ...{ cwd: copy, reject: false, all: true, stdin: "ignore" },
    timeout: PATIENCE[system ? "system" : "unit"] * 1000,
    forceKillAfterDelay: 10_000,
  });
  if (timedOut) return { outcome: "failed", file: files.join(", "), test: "(they do not end)", files };
  const text = await readFile(output, "utf8").catch(() => undefined);
  if (text === undefined) return { outcome: "broken", why: String(all).slice(-2000) };
  return read(JSON.parse(text) as Report, copy);
}

function read(report: Report, copy: string): Ran {
  const broken = report.testResults.find((f) => f.status === "failed" && f.assertionResults.length === 0);
  if (broken !== undefined) return { outcome: "broken", why: `${broken.name}: ${broken.message}` };
  const failed = report.testResults.filter((f) => f.status === "failed");
  const files = failed.map((f) => path.relative(copy, f.name));
  const [first] = failed;
  if (first !== undefined) {
    const test = first.assertionResults.find((a) => a.status === "failed")?.fullName;
    // A set-up that fails has the tests skipped.
    return { outcome: "failed", file: files[0] ?? "", test: test ?? `(${firstLine(first.message)})`, files };
  }
  if (report.numTotalTests === 0) return { outcome: "broken", why: "there were no tests" };
  return { outcome: "passed" };
}

const firstLine = (text: string): string => text.trim().split("\n")[0] ?? "";
