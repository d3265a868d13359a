/** Notices when something is wrong, how often they are sent, and what `status` and `doctor` say. */
import type { Mutation } from "../mutation.ts";

const alerts = ["test/agent/notify/alerts.test.ts"];
const notices = ["test/provisioner/commands/notices.test.ts"];
const doctor = ["test/provisioner/commands/health/doctor.test.ts"];

export const telling: readonly Mutation[] = [
  {
    name: "what lasts is reported once",
    file: "agent/site/alerts/alerts.ts",
    find: "  if (open && before.said) return undefined;\n",
    replace: "",
    tests: alerts,
  },
  {
    name: "what comes and goes is reported once an hour",
    file: "agent/site/alerts/alerts.ts",
    find: "now - Date.parse(before.told) < QUIET_MS;\n  if (open",
    replace: "now < 0;\n  if (open",
    tests: alerts,
  },
  {
    name: "replacements do not tell it again",
    file: "agent/notify/alerts.ts",
    find: "const list = unsaved ? before : (current?.alerts ?? []);",
    replace: "const list = before;",
    tests: alerts,
  },
  {
    name: "a few errors of a few visitors are no trouble",
    file: "agent/duty/wrong.ts",
    find: "failed >= LEAST_FAILED && ",
    replace: "",
    tests: ["test/agent/duty/wrong.test.ts"],
  },
  {
    name: "a boot that fails in a deploy is the deploy's",
    file: "agent/boot/boot.ts",
    find: "  if (deploy === undefined) await",
    replace: "  if (deploy === undefined || true) await",
    tests: ["test/agent/boot/boot.test.ts"],
  },
  {
    name: "a notice to try is no command",
    file: "agent/jobs/run.ts",
    find: '      if (request.kind === "notify") return await this.#notify();\n',
    replace: "",
    tests: ["test/agent/jobs/runs.test.ts"],
  },
  {
    name: "no one is mailed who has not agreed",
    file: "provisioner/seen/status.ts",
    find: "confirmed: one?.arn !== undefined",
    replace: "confirmed: one !== undefined",
    tests: ["test/provisioner/seen/status.test.ts"],
  },
  {
    name: "an instance may mail by its site's topic",
    file: "provisioner/wanted/instance-policy.ts",
    find: "config.notify?.email === undefined",
    replace: "config.notify !== undefined",
    tests: notices,
  },
  {
    name: "a budget that was changed by hand is put right",
    file: "provisioner/plan/up.ts",
    find: "has?.complete === true && ",
    replace: "",
    tests: notices,
  },
  {
    name: "down takes the topic along",
    file: "provisioner/plan/down.ts",
    find: '    seen.notices.topic ? { do: "delete-topic" } : undefined,\n',
    replace: "",
    tests: notices,
  },
  {
    name: "doctor tells what IAM would refuse",
    file: "provisioner/aws/identity.ts",
    find: '.filter((r) => r.EvalDecision !== "allowed")',
    replace: ".filter(() => false)",
    tests: doctor,
  },
  {
    name: "doctor goes on where it may not look",
    file: "provisioner/commands/health/doctor.ts",
    find: "        show(unlookable(name, error));\n        return undefined;\n",
    replace: "        throw error;\n",
    tests: doctor,
  },
  {
    name: "status asks the instance itself where its name fails",
    file: "provisioner/operator/probe.ts",
    find: "          ...atAddress(at),\n",
    replace: "",
    tests: ["test/provisioner/operator/probe.test.ts"],
  },
];
