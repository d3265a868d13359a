// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
import type { Mutation } from "../mutation.ts";

const silence = ["test/provisioner/commands/wait.test.ts"];
const console = ["test/provisioner/boots/console.test.ts"];

const consent = ["test/scripts/questions/consent.test.ts"];
const contact = ["test/scripts/questions/contact.test.ts"];
const permissions = ["test/provisioner/permissions/operator.test.ts"];
const manners = ["test/provisioner/cli/manners.test.ts"];

/** What the operator learns, and what is asked of AWS for it. */
export const operator: readonly Mutation[] = [
  {
    name: "no line is wider than the terminal",
    file: "provisioner/operator/terminal.ts",
    find: "out.isTTY === true ? fitted(text, out.columns ?? 80) : text;",
    replace: "text;",
    tests: manners,
  },
  {
    name: "whoever reads the output may go away",
    file: "provisioner/operator/stdio.ts",
    find: 'if (error.code !== "EPIPE") throw error;',
    replace: "throw error;",
    tests: manners,
  },
  {
    name: "a job that is configured no more is odd no more",
    file: "provisioner/seen/status.ts",
    find: 'kind !== "job" || about === undefined || about in schedule || about in worker;',
    replace: "true;",
    tests: ["test/provisioner/seen/status.test.ts"],
  },
  {
    name: "a boot without a word ends with the console",
    file: "provisioner/boots/follow.ts",
    find: "const explained = silent === undefined ? error : await withConsole(aws, silent, error, options);",
    replace: "const explained = error;",
    tests: silence,
  },
  {
    name: "the console of a silent instance is shown before the time is up",
    file: "provisioner/boots/follow.ts",
    find: "if (clock.now() >= consoleAt) await showConsole(instance.id);",
    replace: "",
    tests: silence,
  },
  {
    name: "status shows the console of an instance that was never heard of",
    file: "provisioner/commands/health/see-status.ts",
    find: "silent && consoleTail(aws, silent.id, secretsOf(config)),",
    replace: "undefined,",
    tests: silence,
  },
  {
    name: "a deploy that fails keeps what the console said",
    file: "provisioner/deploy/candidate.ts",
    find: "lines: running?.lines ?? lines,",
    replace: "lines: running?.lines ?? [],",
    tests: console,
  },
  {
    name: "the console is asked for as it is now",
    file: "provisioner/aws/instances.ts",
    find: "await read({ Latest: true })",
    replace: "await read({})",
    tests: console,
  },
  {
    name: "a console of an older type is read without Latest",
    file: "provisioner/aws/instances.ts",
    find: 'if (!hasCode(error, "UnsupportedOperation", "InvalidParameterCombination")) throw error;',
    replace: "throw error;",
    tests: console,
  },
  {
    name: "keys are taken out of a console",
    file: "provisioner/boots/console.ts",
    find: "return SHAPES.reduce(",
    replace: "return [].reduce<string>(",
    tests: console,
  },
  {
    name: "the operator's policy allows every command",
    file: "provisioner/wanted/operator-policy.ts",
    find: '  "ec2:DescribeFleetHistory",\n',
    replace: "",
    tests: permissions,
  },
  {
    name: "the operator's policy allows nothing that no command needs",
    file: "provisioner/wanted/operator-policy.ts",
    find: '  "ec2:DeleteVpc",\n',
    replace: '  "ec2:DeleteVpc",\n  "ec2:StopInstances",\n',
    tests: permissions,
  },
  {
    name: "the operator's policy changes the site's own things alone",
    file: "provisioner/wanted/operator-policy.ts",
    find: "const ours = { StringEquals: { [`aws:ResourceTag/${SITE_TAG}`]: site } };",
    replace: 'const ours = { StringLike: { [`aws:ResourceTag/${SITE_TAG}`]: "*" } };',
    tests: permissions,
  },
  {
    name: "AWS is asked only where a person named the account",
    file: "scripts/questions/consent.ts",
    find: "if (isLoopback(endpoint) || agreed === caller.account) return;",
    replace: "return;",
    tests: consent,
  },
  {
    name: "answers of AWS are kept without ids",
    file: "scripts/questions/run.ts",
    find: "const facts = scrub(reply.facts);",
    replace: "const { facts } = reply;",
    tests: contact,
  },
  {
    name: "what an earlier run of the questions left is removed first",
    file: "scripts/questions/run.ts",
    find: "if (found.length > 0) {",
    replace: "if (found.length < 0) {",
    tests: contact,
  },
  {
    name: "a run of the questions that is stopped tears down",
    file: "scripts/questions/run.ts",
    find: "const left = await tidy(given, say);",
    replace: "const left: string[] = [];",
    tests: contact,
  },
  {
    name: "what AWS answered is not forgotten for what could not be asked again",
    file: "scripts/questions/run.ts",
    find: 'if (answer.answer === "unknown" && answers[id] !== undefined) return;',
    replace: "",
    tests: contact,
  },
  {
    name: "a site comes up where AWS refuses an empty fleet",
    file: "provisioner/apply/bridge.ts",
    find: "if (!isRefused(error)) throw error;\n  }\n  try {",
    replace: "throw error;\n  }\n  try {",
    tests: ["test/provisioner/commands/empty-bridge.test.ts"],
  },
  {
    name: "an update leaves source packages out",
    file: "agent/packages/debian.ts",
    find: '  ...["-o", "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled=false"],\n',
    replace: "",
    tests: ["test/agent/packages/lean-index.test.ts"],
  },
];
