/** A machine boots on borrowed CPU credits, and is not blamed for being slow without. */
import type { Mutation } from "../mutation.ts";

const DUTY = ["test/agent/duty/credits.test.ts"];
const PROCESSOR = "agent/system/processor.ts";
const HELD = ["test/agent/serving/held.test.ts", "test/agent/system/processor.test.ts"];

export const credits: readonly Mutation[] = [
  {
    name: "an instance that EC2 names among those that failed has not been switched",
    file: "agent/aws/credits.ts",
    find: "if (failed !== undefined) {",
    replace: "if (failed?.InstanceId === undefined && failed !== undefined) {",
    tests: DUTY,
  },
  {
    name: "credits are borrowed until they are earned back",
    file: "agent/duty/credits.ts",
    find: "Math.max(0, (spent + UNSEEN) / perSecond - age)",
    replace: "0",
    tests: DUTY,
  },
  {
    name: "credits are not borrowed for longer than an hour",
    file: "agent/duty/credits.ts",
    find: "return Math.min(rest, ",
    replace: "return Math.max(rest, ",
    tests: DUTY,
  },
  {
    name: "a machine that is booting goes on borrowing",
    file: "agent/duty/credits.ts",
    find: "  if (booting) return rest;\n",
    replace: "",
    tests: DUTY,
  },
  {
    name: "a refusal to switch is tried again",
    file: "agent/duty/credits.ts",
    find: 'if (error instanceof EverspotError && error.retry !== "retry") return;',
    replace: "return;",
    tests: DUTY,
  },
  {
    name: "the borrowing ends, also for a machine that does not come up",
    file: "agent/program/live.ts",
    find: "creditDuty(machine, () => booting, recorder, log, until)",
    replace: "Promise.resolve()",
    tests: ["test/agent/program/live.test.ts"],
  },
  {
    name: "burstable machines are launched unlimited",
    file: "provisioner/wanted/template.ts",
    find: 'credits === "standard" ? "standard" : "unlimited"',
    replace: '"standard"',
    tests: ["test/provisioner/wanted/template.test.ts", "test/provisioner/commands/up.test.ts"],
  },
  {
    name: "a template for other types too has no credit setting",
    file: "provisioner/wanted/template.ts",
    find: "!types.every(isBurstable)",
    replace: "!types.some(isBurstable)",
    tests: ["test/provisioner/wanted/template.test.ts"],
  },
  {
    name: "an instance may switch its own credits",
    file: "provisioner/wanted/instance-policy.ts",
    find: '["ec2:TerminateInstances", "ec2:ModifyInstanceCreditSpecification"]',
    replace: '"ec2:TerminateInstances"',
    tests: ["test/provisioner/wanted/instance-policy.test.ts"],
  },
  {
    name: "time in which the processors were kept from the machine is not counted",
    file: PROCESSOR,
    find: "counted += elapsed - left;",
    replace: "counted += elapsed;",
    tests: HELD,
  },
  {
    name: "an app's deadline leaves out what was kept from the machine",
    file: "agent/serving/app.ts",
    find: "everySeconds: 0.03, clock: patience, signal",
    replace: "everySeconds: 0.03, signal",
    tests: HELD,
  },
  {
    name: "gunicorn gives a worker more time to load on a slow machine",
    file: "agent/serving/app.ts",
    find: "Math.ceil(longestTimeout(config.app) * slowness)",
    replace: "longestTimeout(config.app)",
    tests: HELD,
  },
];
