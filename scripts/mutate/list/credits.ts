/** What an account may start; and a machine boots on borrowed CPU credits, and is not blamed for being slow without. */
import type { Mutation } from "../mutation.ts";

const DUTY = ["test/agent/duty/credits.test.ts"];
const PROCESSOR = "agent/system/processor.ts";
const HELD = ["test/agent/serving/held.test.ts", "test/agent/system/processor.test.ts"];

const commands = (name: string) => [`test/provisioner/commands/${name}.test.ts`];

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
  {
    name: "plan says what a machine may borrow at most",
    file: "provisioner/plan/surplus.ts",
    find: 'if (most === 0 || credits === "standard") return undefined;',
    replace: "if (most >= 0) return undefined;",
    tests: ["test/provisioner/plan/bill.test.ts"],
  },
  {
    name: "up waits longer for a machine that may borrow nothing",
    file: "provisioner/commands/up.ts",
    find: "seconds: REACH_SECONDS * slowest(config.fleet),",
    replace: "seconds: REACH_SECONDS,",
    tests: ["test/provisioner/commands/wait.test.ts"],
  },
  {
    name: "the local AWS holds a machine without credits to its baseline",
    file: "test/cloud/nspawn/credits.ts",
    find: "else if (this.balance <= 0) this.#held = true;",
    replace: "",
    tests: ["test/cloud/nspawn/credits.test.ts"],
  },
  {
    name: "no room for one instance is in the way of up",
    file: "provisioner/plan/limits.ts",
    find: 'if (room < least && market === "spot")',
    replace: 'if (room < 0 && market === "spot")',
    tests: commands("limits"),
  },
  {
    name: "a plan that starts none of the types is in the way of up",
    file: "provisioner/plan/limits.ts",
    find: "if (refused.length === types.length)",
    replace: "if (refused.length > types.length)",
    tests: commands("limits"),
  },
  {
    name: "a region that is off is told from credentials that are wrong",
    file: "provisioner/aws/identity.ts",
    find: "if (!hasCode(error, ...UNKNOWN) || region === homeOf(region)) throw error;",
    replace: "throw error;",
    tests: commands("limits"),
  },
  {
    name: "what ended counts until its spot request is closed",
    file: "provisioner/aws/limits.ts",
    find: "(r) => r.instance === undefined || !has.has(r.instance)",
    replace: "(r) => r.instance === undefined",
    tests: commands("limits"),
  },
  {
    name: "types that the region does not offer are said before",
    file: "provisioner/plan/preflight.ts",
    find: "if (missing.length === 0) return [];\n  const hint",
    replace: "if (missing.length >= 0) return [];\n  const hint",
    tests: commands("preflight"),
  },
  {
    name: "what an organization forbids is said before",
    file: "provisioner/aws/limits.ts",
    find: "      return (error as Error).message;\n",
    replace: "      return undefined;\n",
    tests: commands("limits"),
  },
  {
    name: "the first of the default types are those that every account may start",
    file: "agent/site/config/fleet.ts",
    find: 'x86_64: ["t3.micro", "t3.small", "t3a.micro", "t3a.small"],',
    replace: 'x86_64: ["t3a.micro", "t3a.small", "t3.micro", "t3.small"],',
    tests: ["test/provisioner/config/load.test.ts"],
  },
  {
    name: "the bench prints a boot's processor time",
    file: "scripts/bench/rows.ts",
    find: "of.processor)];",
    replace: "of.processor)].slice(1);",
    tests: ["test/scripts/bench/targets.test.ts"],
  },
  {
    name: "the bench prints what the first boot waits for its certificate",
    file: "scripts/bench/rows.ts",
    find: "of.certificate)];",
    replace: "of.certificate)].slice(1);",
    tests: ["test/scripts/bench/targets.test.ts"],
  },
];
