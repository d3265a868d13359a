/** Takes back one thing after the other and sees whether a test notices. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Mutation, mutated } from "./mutation.ts";
import { runTests } from "./tests.ts";

export interface Verdict {
  name: string;
  file: string;
  /** `unsound`: it does not apply any more, or its tests fail without it or cannot be run with it. */
  result: "caught" | "unnoticed" | "unsound";
  /** The test that noticed; else why it says nothing. */
  by: string;
  seconds: number;
}

/** @param copy of the project, which is as before afterwards. @param failing files of tests that fail anyway. */
export async function tryOut(
  copy: string,
  mutation: Mutation,
  failing: ReadonlySet<string>,
): Promise<Verdict> {
  const { name, file, tests, system = false } = mutation;
  const began = performance.now();
  const verdict = (result: Verdict["result"], by: string): Verdict => ({
    ...{ name, file, result, by },
    seconds: Math.round((performance.now() - began) / 100) / 10,
  });
  const bad = tests.filter((test) => failing.has(test));
  if (bad.length > 0) return verdict("unsound", `fails without it, too: ${bad.join(", ")}`);
  const target = path.join(copy, file);
  const text = await readFile(target, "utf8");
  let changed: string;
  try {
    changed = mutated(text, mutation);
  } catch (error) {
    return verdict("unsound", (error as Error).message);
  }
  await writeFile(target, changed);
  try {
    const ran = await runTests(copy, tests, { system, bail: true });
    if (ran.outcome === "failed") return verdict("caught", `${ran.file}: ${ran.test}`);
    if (ran.outcome === "broken") return verdict("unsound", ran.why);
    return verdict("unnoticed", tests.join(", "));
  } finally {
    await writeFile(target, text);
  }
}

/** @returns the files of tests that fail while nothing is taken back; with them nothing can be said. */
export async function failingAnyway(copy: string, mutations: readonly Mutation[]): Promise<Set<string>> {
  const failing = new Set<string>();
  for (const system of [false, true]) {
    const some = mutations.filter((m) => (m.system ?? false) === system);
    const files = [...new Set(some.flatMap((m) => m.tests))];
    if (files.length === 0) continue;
    const all = await runTests(copy, files, { system, bail: false });
    if (all.outcome === "passed") continue;
    // Once more, each alone: a machine with a lot to do may have been late.
    for (const file of all.outcome === "failed" ? all.files : files) {
      const ran = await runTests(copy, [file], { system, bail: true });
      if (ran.outcome !== "passed") failing.add(file);
    }
  }
  return failing;
}
