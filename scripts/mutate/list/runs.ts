/** A command of the operator's runs once, by the owner alone, and its password is nowhere. */
import type { Mutation } from "../mutation.ts";

const AGENT = ["test/agent/jobs/runs.test.ts"];
const BOTH = ["test/provisioner/runs/run.test.ts"];

export const runs: readonly Mutation[] = [
  {
    name: "whoever creates the document has the command, and no one else",
    file: "agent/jobs/run-document.ts",
    find: "(current) => (current === undefined ? { ...claim, beat: this.#now() } : undefined),",
    replace: "() => ({ ...claim, beat: this.#now() }),",
    tests: AGENT,
  },
  {
    name: "who owns the site is read again after the claim",
    file: "agent/jobs/run.ts",
    find: "if (site.value?.owner !== instance || site.value.epoch !== epoch) {",
    replace: "if (site.value === undefined) {",
    tests: AGENT,
  },
  {
    name: "what is cancelled while it is taken up never begins",
    file: "agent/jobs/run.ts",
    find: 'if (request.cancelled) throw new Refusal("cancelled", "before it began");',
    replace: "",
    tests: AGENT,
  },
  {
    name: "a command is told when another instance takes the site over",
    file: "agent/jobs/runs.ts",
    find: 'for (const { run } of this.#open.values()) run.stop("interrupted", reason);',
    replace: "void reason;",
    tests: [...AGENT, ...BOTH],
  },
  {
    name: "the next agent says what became of a command that was cut off",
    file: "agent/jobs/runs.ts",
    find: "await store.put(type.key, JSON.stringify({ ...value, nonce: randomUUID(), beat, end }, null, 1));",
    replace: "void [beat, randomUUID];",
    tests: AGENT,
  },
  {
    name: "EC2 is asked for an instance that is not heard of",
    file: "provisioner/runs/follow.ts",
    find: "else if (!(await to.alive(state.instance)))",
    replace: 'else if (state.instance === "")',
    tests: BOTH,
  },
  {
    name: "the password is deleted from the Parameter Store",
    file: "provisioner/commands/run.ts",
    find: "await aws.runSecrets.unset(name);",
    replace: "{}",
    tests: BOTH,
  },
  {
    name: "a line of the shell waits until Python asks for it",
    file: "provisioner/commands/run.ts",
    find: 'options.command === "shell" ? output.prompted : Promise.resolve();',
    replace: "Promise.resolve();",
    tests: BOTH,
  },
  {
    name: "the bell is the only object that is looked at all the time",
    file: "agent/watch/bell.ts",
    find: "if (last !== undefined && now - last < ANYWAY_SECONDS * 1000) continue;",
    replace: "",
    tests: ["test/agent/watch/bell.test.ts"],
  },
  {
    name: "what was written without a ring is found all the same",
    file: "agent/watch/bell.ts",
    find: "const ANYWAY_SECONDS = 60;",
    replace: "const ANYWAY_SECONDS = 1e9;",
    tests: ["test/agent/watch/bell.test.ts"],
  },
];
