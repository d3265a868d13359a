/** The first contact with AWS: what it does not show yet, does not start, or is slow to give. */
import type { Mutation } from "../mutation.ts";

const commands = (name: string) => [`test/provisioner/commands/${name}.test.ts`];
const fetch = ["test/agent/release/fetch.test.ts"];
const boot = ["test/agent/boot/boot.test.ts"];
const steps = ["test/agent/boot/steps.test.ts"];

export const contact: readonly Mutation[] = [
  {
    name: "what a new bucket does not show is looked for again",
    file: "agent/release/fetch.ts",
    find: "if (!(error instanceof NotThere) || left <= 0) throw error;",
    replace: "throw error;",
    tests: fetch,
  },
  {
    name: "a release that the bucket does not show is not condemned",
    file: "agent/release/fetch.ts",
    find: 'super(message, { resource, retry: "retry",',
    replace: "super(message, { resource,",
    tests: boot,
  },
  {
    name: "an older release serves where one cannot be had",
    file: "agent/boot/boot.ts",
    find: "if (error.cause instanceof NotThere) return candidates.missing(error.message);",
    replace: "",
    tests: boot,
  },
  {
    name: "a document that only writes find is waited for",
    file: "agent/site/document.ts",
    find: "if (unseen > 1 && unseen <= UNSEEN_SECONDS) {",
    replace: "if (unseen < 0) {",
    tests: ["test/agent/site/document.test.ts"],
  },
  {
    name: "a template that EC2 lists is asked for until it is known",
    file: "provisioner/aws/templates.ts",
    find: "if (!hasCode(error, UNKNOWN) || clock.now() >= end) throw error;",
    replace: "throw error;",
    tests: commands("passing"),
  },
  {
    name: "a second try has the token of the first",
    file: "provisioner/aws/clients.ts",
    find: "const token = this.#open.get(key) ?? randomUUID();",
    replace: "const token = randomUUID();",
    tests: commands("tokens"),
  },
  {
    name: "a template that the fleet leaves alone gets another version",
    file: "provisioner/boots/refused-profile.ts",
    find: "if (refusals <= this.#answered || this.#made === MOST) return undefined;",
    replace: "if (refusals >= 0) return undefined;",
    tests: commands("refused-profile"),
  },
  {
    name: "a fleet that took another's place is followed",
    file: "provisioner/commands/up.ts",
    find: "/^(create|replace)-fleet$/",
    replace: "/^create-fleet$/",
    tests: commands("refused-profile"),
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
    name: "the first certificate waits for the app",
    file: "agent/boot/steps.ts",
    find: 'machine.certificate("later")',
    replace: 'machine.certificate("now")',
    tests: steps,
  },
  {
    name: "the first order of all can be put off",
    file: "agent/certificate/ensure.ts",
    find: 'if (first === "later" && isFirst(choice))',
    replace: "if (isFirst(choice) && !isFirst(choice))",
    tests: ["test/agent/certificate/patience.test.ts"],
  },
  {
    name: "packages are kept before a release is current",
    file: "agent/boot/steps.ts",
    find: "    await keepPackages(machine, context);\n",
    replace: "",
    tests: steps,
  },
  {
    name: "up waits while a certificate is being ordered",
    file: "provisioner/commands/up.ts",
    find: "await untilOrdered(aws, certificateNames(config), served, { clock, say })",
    replace: "served",
    tests: commands("wait"),
  },
  {
    name: "the certificate outlives the data",
    file: "provisioner/plan/down.ts",
    find: "deleteData && deleteCertificate !== true && seen.bucket !== undefined && seen.hasCertificate;",
    replace: "false;",
    tests: commands("down"),
  },
  {
    name: "records that a certificate elsewhere may need stay",
    file: "provisioner/plan/down.ts",
    find: "records.length === 0 || deleteCertificate !== true",
    replace: "records.length === 0",
    tests: commands("acm"),
  },
  {
    name: "a version that a fleet refuses to launch by is no longer there",
    file: "provisioner/apply/take-back.ts",
    find: "if (!isRefusal(error) || (await this.#isUsed())) return error;",
    replace: "return error;",
    tests: [...commands("refused-template"), ...commands("contested")],
  },
  {
    name: "a version that a fleet may come to launch by stays",
    file: "provisioner/aws/errors.ts",
    find: '  return error.retry === "fatal";\n',
    replace: "  return true;\n",
    tests: commands("refused-template"),
  },
  {
    name: "a candidate does not wait for a configuration that will not be",
    file: "provisioner/apply/up.ts",
    find: "unconfigureCandidate(aws.store, { id, template, before }, sources.clock),",
    replace: "Promise.resolve(void unconfigureCandidate),",
    tests: commands("refused-template"),
  },
  {
    name: "what ended counts until its spot request is closed",
    file: "provisioner/aws/limits.ts",
    find: "(r) => r.instance === undefined || !has.has(r.instance)",
    replace: "(r) => r.instance === undefined",
    tests: commands("limits"),
  },
  {
    name: "a version that was made for a fresh profile goes where the fleet refuses it",
    file: "provisioner/boots/refused-profile.ts",
    find: "if (changed || !isRefusal(error)) throw error;",
    replace: "throw error;",
    tests: commands("refused-template"),
  },
];
