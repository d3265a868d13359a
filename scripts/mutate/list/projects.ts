/** Other people's projects: what is asked of them, tried, and said before anything is launched. */
import type { Mutation } from "../mutation.ts";

const checks = ["test/provisioner/project/checks.test.ts"];
const writes = ["test/provisioner/project/writes.test.ts"];
const parts = ["test/provisioner/init/parts.test.ts"];
const deploy = ["test/provisioner/commands/deploy.test.ts"];
const asked = ["test/system/init.test.ts"];

export const projects: readonly Mutation[] = [
  {
    name: "what [app] strict refused does not go on running, to be taken for one that serves",
    file: "agent/machine/app-steps.ts",
    find: "    await stopApp(apps, id);\n",
    replace: "",
    tests: ["test/agent/boot/steps.test.ts"],
  },
  {
    name: "what an app writes among its files stands against it",
    file: "provisioner/project/checks.ts",
    find: "    ...writes(subject),\n",
    replace: "",
    tests: checks,
  },
  {
    name: "a folder that has some of the project is not moved",
    file: "provisioner/project/writes.ts",
    find: " && !files.some((f) => isIn(f, place))",
    replace: "",
    tests: writes,
  },
  {
    name: "a setting that names what is written gets a path of the app's own",
    file: "provisioner/init/settings-file.ts",
    find: "  ...needs.moved.map((",
    replace: "  ...[].map((",
    tests: parts,
  },
  {
    name: "what a project writes as it starts is seen",
    file: "provisioner/project/workspace.ts",
    find: "before.get(file) === stamp ? [] : [file]",
    replace: "[]",
    tests: asked,
    system: true,
  },
  {
    name: "a project is tried where it cannot write",
    file: "provisioner/project/workspace.ts",
    find: "return seals && folder !== undefined ?",
    replace: "return seals && folder === null ?",
    tests: asked,
    system: true,
  },
  {
    name: "a deploy looks at the project before anything is touched",
    file: "provisioner/commands/deploy.ts",
    find: "      refuseProject(config.site, findings, undefined);\n",
    replace: "",
    tests: deploy,
  },
  {
    name: "where no one may look at secrets, a variable may be one",
    file: "provisioner/project/checks.ts",
    find: "secrets?.includes(name) === false",
    replace: "secrets?.includes(name) !== true",
    tests: checks,
  },
];
