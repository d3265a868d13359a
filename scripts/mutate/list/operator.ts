// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
import type { Mutation } from "../mutation.ts";

const silence = ["test/provisioner/commands/wait.test.ts"];
const console = ["test/provisioner/boots/console.test.ts"];

const permissions = ["test/provisioner/permissions/operator.test.ts"];

/** What the operator is told, and what is asked of AWS for it. */
export const operator: readonly Mutation[] = [
  {
    name: "a boot without a word ends with the console",
    file: "provisioner/boots/follow.ts",
    find: "const told = silent === undefined ? error : await withConsole(aws, silent, error, options);",
    replace: "const told = error;",
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
    file: "provisioner/commands/status.ts",
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
];
