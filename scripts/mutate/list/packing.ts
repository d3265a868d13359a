/** What goes into a release: no stranger's package, nothing left out in silence. */
import type { Mutation } from "../mutation.ts";

const index = ["test/system/packing-index.test.ts"];
const sources = ["test/provisioner/requirements/sources.test.ts"];
const wheels = ["test/provisioner/requirements/python.test.ts"];
const leftOut = ["test/provisioner/release/left-out.test.ts"];
const pack = ["test/provisioner/release/pack.test.ts"];

export const packing: readonly Mutation[] = [
  {
    name: "a workspace member's name is not asked of the index",
    file: "provisioner/requirements/own-names.ts",
    find: '["workspace", "path", "git", "url", "index"]',
    replace: '["path", "git", "url", "index"]',
    tests: sources,
  },
  {
    name: "what a bundled folder requires by name is not asked of the index when it is the project's own",
    file: "provisioner/dependencies/install.ts",
    find: "return new Map([...requirements.own, ...more.flatMap((m) => [...m])]);",
    replace: "return requirements.own;",
    tests: index,
    system: true,
  },
  {
    name: "where a registry's password goes is kept secret",
    file: "provisioner/requirements/own-names.ts",
    find: '"$1…@"',
    replace: '"$&"',
    tests: sources,
  },
  {
    name: "who asks no index asks no registry of a lock",
    file: "provisioner/requirements/registries.ts",
    find: 'if (/^(1|true|yes|on)$/i.test(env.PIP_NO_INDEX ?? "")) return [];',
    replace: "",
    tests: sources,
  },
  {
    name: "a list in UTF-16 is read",
    file: "provisioner/requirements/decode.ts",
    find: "if (first === 0xff && second === 0xfe)",
    replace: "if (first === 0xff && second === 0xff)",
    tests: sources,
  },
  {
    name: "a wheel of another Python does not fit",
    file: "provisioner/requirements/wheel-tags.ts",
    find: "return abi ===",
    replace: "return true || abi ===",
    tests: wheels,
  },
  {
    name: "pip holds what packages require of Python against the instance's",
    file: "provisioner/dependencies/pip.ts",
    find: "        make_candidate(self, version)",
    replace: "        make_candidate(self, None)",
    tests: index,
    system: true,
  },
  {
    name: "a branch is the one of now",
    file: "provisioner/dependencies/moving.ts",
    find: "line.direct && !line.local && !line.pinned && line.hashes.length === 0",
    replace: "false",
    tests: index,
    system: true,
  },
  {
    name: "a pointer of Git LFS is no picture",
    file: "provisioner/release/guard.ts",
    find: "found.push(pointer(file.path));",
    replace: "continue;",
    tests: pack,
  },
  {
    name: "everspot's own log is no part of the release",
    file: "provisioner/release/project.ts",
    find: " || this.#written.has(fileId(stat))",
    replace: "",
    tests: pack,
  },
  {
    name: "what git has is part of the project",
    file: "provisioner/release/project.ts",
    find: "else if (stat?.isFile()) await this.#file(name);",
    replace: "",
    tests: leftOut,
  },
  {
    name: "a name that is not UTF-8 is told",
    file: "provisioner/release/project.ts",
    find: 'entry.name.includes("\\ufffd")',
    replace: "false",
    tests: leftOut,
  },
  {
    name: "!pattern brings back what is left out of every release",
    file: "provisioner/release/ignore-rules.ts",
    find: "add([...git, ...BUILT_IN, ...everspot])",
    replace: "add([...git, ...everspot, ...BUILT_IN])",
    tests: leftOut,
  },
  {
    name: "a module that is left out is reported where the project imports it",
    file: "provisioner/release/left-out.ts",
    find: "...(await missingModules(project, folder)),",
    replace: "",
    tests: leftOut,
  },
  {
    name: "built files that are left out are told",
    file: "provisioner/release/left-out.ts",
    find: "...(await missingFiles(project.leftOut, folder, served)),",
    replace: "",
    tests: leftOut,
  },
  {
    name: "an old name of a time zone is told",
    file: "provisioner/release/findings.ts",
    find: "...(await zoneFindings(project, target, site.debianPackages)),",
    replace: "",
    tests: pack,
  },
  {
    name: "what is left out is in no release, whoever required it",
    file: "provisioner/dependencies/install.ts",
    find: "  await takeOut(tree, requirements.without);\n",
    replace: "",
    tests: index,
    system: true,
  },
];
