import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";

const root = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

interface Step {
  id?: string;
  uses?: string;
  run?: string;
  with?: Record<string, string>;
}
interface Workflow {
  permissions: Record<string, string>;
  concurrency: { "cancel-in-progress": boolean };
  jobs: Record<string, { steps: Step[] }>;
}
interface Action {
  inputs: Record<string, { default?: string }>;
  outputs: Record<string, { value: string }>;
  runs: { steps: { name: string; run?: string }[] };
}

const text = read("examples/deploy.yml");
const workflow = parse(text) as Workflow;
const action = parse(read("action.yml")) as Action;
const steps = workflow.jobs.deploy?.steps ?? [];
const ours = steps.find((step) => step.uses?.includes("/everspot@"));

test("the example gives the action inputs it has, and all it cannot do without", () => {
  const given = Object.keys(ours?.with ?? {});
  expect(given).not.toEqual([]);
  expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(given));
  const needed = Object.entries(action.inputs).filter(([, { default: value }]) => value === undefined);
  expect(given).toEqual(expect.arrayContaining(needed.map(([name]) => name)));
});

test("outputs that the example reads are outputs of the action", () => {
  const read = [...text.matchAll(/steps\.([\w-]+)\.outputs\.([\w-]+)/g)];
  expect(read).not.toEqual([]);
  for (const [, id, output] of read) {
    expect(id).toBe(ours?.id);
    expect(Object.keys(action.outputs)).toContain(output);
  }
});

test("whatever else runs is named by its full SHA, with the version for a reader", () => {
  const used = [...`${text}\n${read("action.yml")}`.matchAll(/\buses: (.+)$/gm)].map(([, what]) => what);
  const others = used.filter((what) => what !== "EVERSPOT-OWNER/everspot@COMMIT");
  expect(others).not.toEqual([]);
  for (const what of others) expect(what).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test("npm's part is over before the action has credentials, and installs nothing by name", () => {
  const names = action.runs.steps.map((step) => step.name);
  const credentials = names.indexOf("Get a token for AWS");
  const npm = action.runs.steps.flatMap(({ run = "" }, at) =>
    [...run.matchAll(/\bnpm .+/g)].map(([command]) => ({ at, command })),
  );
  expect(npm.map(({ command }) => command)).toEqual([
    "npm ci --ignore-scripts --no-audit --no-fund",
    "npm run build",
  ]);
  expect(npm.every(({ at }) => at < credentials)).toBe(true);
  expect(names.slice(0, credentials)).toContain("Fetch what instances run");
});

test("what a reader has to fill in is named where it is explained", () => {
  expect(ours?.uses).toBe("EVERSPOT-OWNER/everspot@COMMIT");
  const [explained] = text.split("\nname:");
  for (const word of ["EVERSPOT-OWNER", "COMMIT", "EVERSPOT_ROLE"]) expect(explained).toContain(word);
});

test("the job may ask for a token, and no deploy is cut off by the next", () => {
  expect(workflow.permissions).toEqual({ "id-token": "write", contents: "read" });
  expect(workflow.concurrency["cancel-in-progress"]).toBe(false);
});
