// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
/** What the roles may do, and what the app cannot reach. */
import type { Mutation } from "../mutation.ts";

const instance = ["test/provisioner/wanted/instance-policy.test.ts"];
const rules = ["test/agent/isolation/metadata-rules.test.ts"];

export const policies: readonly Mutation[] = [
  {
    name: "a batch without names changes no record",
    file: "provisioner/wanted/instance-policy.ts",
    find: '      Null: { [key("NormalizedRecordNames")]: "false" },\n',
    replace: "",
    tests: instance,
  },
  {
    name: "an instance writes its own names in its own types alone",
    file: "provisioner/wanted/instance-policy.ts",
    find: '        [key("RecordTypes")]: [...types],\n',
    replace: "",
    tests: instance,
  },
  {
    name: "all names of a batch are its own",
    file: "provisioner/wanted/instance-policy.ts",
    find: '"ForAllValues:StringEquals"',
    replace: '"ForAnyValue:StringEquals"',
    tests: instance,
  },
  {
    name: "an instance does not write releases",
    file: "provisioner/wanted/instance-policy.ts",
    find: "const WRITTEN = [\n",
    replace: 'const WRITTEN = [\n  "releases/*",\n',
    tests: instance,
  },
  {
    name: "an instance does not write the agent",
    file: "provisioner/wanted/instance-policy.ts",
    find: "const WRITTEN = [\n",
    replace: 'const WRITTEN = [\n  "agent/*",\n',
    tests: instance,
  },
  {
    name: "an instance does not write how old packages may be",
    file: "provisioner/wanted/instance-policy.ts",
    find: "const WRITTEN = [\n",
    replace: 'const WRITTEN = [\n  "packages.json",\n',
    tests: instance,
  },
  {
    name: "an instance deletes nothing",
    file: "provisioner/wanted/instance-policy.ts",
    find: '"s3:PutObject",\n',
    replace: '["s3:PutObject", "s3:DeleteObject"],\n',
    tests: instance,
  },
  {
    name: "without an image of the site's own, an instance does not change what the fleets launch",
    file: "provisioner/wanted/instance-policy.ts",
    find: "(where.baked ? launchStatements(config, where) : [])",
    replace: "launchStatements(config, where)",
    tests: [...instance, "test/provisioner/commands/ceiling.test.ts"],
  },
  {
    name: "an instance ends instances of its own site alone",
    file: "provisioner/wanted/instance-policy.ts",
    find: ":instance/*`,\n        ),\n        Condition: ours,",
    replace: ":instance/*`,\n        ),",
    tests: instance,
  },
  {
    name: "an instance reads secrets of its own site alone",
    file: "provisioner/wanted/instance-policy.ts",
    find: "[secretPath(site), runSecretPath(site)].flatMap",
    replace: '["/everspot/", "/everspot-run/"].flatMap',
    tests: instance,
  },
  {
    name: "copies go into ACM under the site's tag only",
    file: "provisioner/wanted/instance-policy.ts",
    find: '["acm:ImportCertificate", "acm:AddTagsToCertificate"], any),\n        Condition: { StringEquals: { [`aws:RequestTag/',
    replace:
      '["acm:ImportCertificate", "acm:AddTagsToCertificate"], any),\n        Condition: { StringLike: { [`aws:RequestTag/x',
    tests: instance,
  },
  {
    name: "a workflow's token is for AWS",
    file: "provisioner/wanted/deploy-policy.ts",
    find: ":aud`]: GITHUB_AUDIENCE,",
    replace: ":iss`]: `https://${GITHUB_ISSUER}`,",
    tests: ["test/provisioner/commands/github.test.ts"],
  },
  {
    name: "with ids, no other repository of that name is trusted",
    file: "provisioner/wanted/deploy-policy.ts",
    find: "return exact ? [withIds] :",
    replace: "return exact && false ? [withIds] :",
    tests: ["test/provisioner/commands/github.test.ts"],
  },
  {
    name: "the deploy role ends instances of its own site alone",
    file: "provisioner/wanted/deploy-policy.ts",
    find: '{ ...allow("EndInstances", "ec2:TerminateInstances", ec2("instance/*")), Condition: ours },',
    replace: 'allow("EndInstances", "ec2:TerminateInstances", ec2("instance/*")),',
    tests: ["test/provisioner/commands/github.test.ts"],
  },
  {
    name: "the app's user is refused the metadata service",
    file: "agent/isolation/metadata-rules.ts",
    find: "@metadata reject with tcp reset",
    replace: "@metadata accept",
    tests: rules,
  },
  {
    name: "the app's user is refused the metadata service over IPv6",
    file: "agent/isolation/metadata-rules.ts",
    find: "METADATA_IPV6} reject",
    replace: "METADATA_IPV6} accept",
    tests: rules,
  },
  {
    name: "systemd refuses it too",
    file: "agent/isolation/metadata-rules.ts",
    find: "IPAddressDeny=",
    replace: "IPAddressAllow=",
    tests: rules,
  },
  {
    name: "one address cannot open connections without end",
    file: "agent/isolation/crowd-rules.ts",
    find: " packets } drop",
    replace: " packets } accept",
    tests: ["test/system/crowd.test.ts"],
    system: true,
  },
];
