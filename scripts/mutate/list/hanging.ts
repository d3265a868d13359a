/** What may not hang forever, and what may not be taken for somebody else's. */
import type { Mutation } from "../mutation.ts";

const rounds = ["test/agent/system/rounds.test.ts"];
const clients = ["test/agent/aws/clients.test.ts"];
const deadline = ["test/agent/record/deadline.test.ts"];
const loop = ["test/agent/watch/loop.test.ts"];
const locks = ["test/agent/packages/locks.test.ts"];

export const hanging: readonly Mutation[] = [
  {
    name: "a call of the agent to AWS ends",
    file: "agent/aws/clients.ts",
    find: "requestHandler: limits.calls, ",
    replace: "",
    tests: clients,
  },
  {
    name: "a transfer to or from the bucket ends",
    file: "agent/aws/clients.ts",
    find: ", requestHandler: limits.streams",
    replace: "",
    tests: clients,
  },
  {
    name: "the agent's bucket is its account's",
    file: "agent/aws/clients.ts",
    find: "  expectOwner(s3, account);\n",
    replace: "",
    tests: clients,
  },
  {
    name: "the operator's bucket is the account's",
    file: "provisioner/aws/connect.ts",
    find: "expectOwner(clients.s3, caller.account);",
    replace: "",
    tests: ["test/provisioner/aws/bucket-owner.test.ts"],
  },
  {
    name: "a step that never ends is given up",
    file: "agent/record/deadline.ts",
    find: "await Promise.race([work(AbortSignal.any([signal, late.signal])), guard()])",
    replace: "await work(AbortSignal.any([signal, late.signal]))",
    tests: deadline,
  },
  {
    name: "a step knows its deadline",
    file: "agent/record/deadline.ts",
    find: "late.abort(error);",
    replace: "",
    tests: deadline,
  },
  {
    name: "steps are held to their deadlines",
    file: "agent/record/graph.ts",
    find: "withinTime(one.seconds,",
    replace: "withinTime(1e6,",
    tests: deadline,
  },
  {
    name: "one that hangs keeps the supervisor from hearing",
    file: "agent/system/rounds.ts",
    find: "if (stuck.length > 0) return;",
    replace: "",
    tests: rounds,
  },
  {
    name: "each has to do something before the supervisor hears again",
    file: "agent/system/rounds.ts",
    find: "for (const one of this.#members) one.turned = false;",
    replace: "",
    tests: rounds,
  },
  {
    name: "a sleep whose end does not come is a hang",
    file: "agent/system/rounds.ts",
    find: "now <= until + LATE_SECONDS * 1000",
    replace: "until > 0",
    tests: rounds,
  },
  {
    name: "what may take long may not take forever",
    file: "agent/system/rounds.ts",
    find: "return now <= since + patience;",
    replace: "return true;",
    tests: rounds,
  },
  {
    name: "a watcher that hangs is noticed",
    file: "agent/watch/loop.ts",
    find: "    const clock = member.on(options.clock);\n",
    replace: "    const clock = options.clock;\n    member.leave();\n",
    tests: loop,
  },
  {
    name: "a reaction that hangs is noticed",
    file: "agent/watch/loop.ts",
    find: "      const member = rounds.join(what);\n",
    replace: "      const member = rounds.join(what);\n      member.leave();\n",
    tests: loop,
  },
  {
    name: "systemd is told that all is well",
    file: "agent/system/supervisor.ts",
    find: '["WATCHDOG=1"]',
    replace: '["READY=1"]',
    tests: ["test/agent/system/supervisor.test.ts"],
  },
  {
    name: "whoever holds a lock of apt's is waited for",
    file: "agent/packages/locks.ts",
    find: '/Could not get lock |\\block\\b.*locked by/.test(said) ? "another program" : undefined',
    replace: "undefined",
    tests: locks,
  },
  {
    name: "the lock of apt's lists is waited for",
    file: "agent/packages/locks.ts",
    find: "if (name !== undefined) return name;",
    replace: 'if (name !== undefined) return said.includes("lists") ? undefined : name;',
    tests: locks,
  },
  {
    name: "nothing but a lock is waited for",
    file: "agent/packages/locks.ts",
    find: "if (holder === undefined) throw error;",
    replace: "if (holder === undefined) return { done: undefined as T };",
    tests: locks,
  },
];
