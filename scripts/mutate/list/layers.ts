// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
/** Packages of Debian out of a layer that another machine wrote. */
import type { Mutation } from "../mutation.ts";

const check = ["test/system/layer-check.test.ts"];
const ensure = ["test/agent/packages/ensure.test.ts"];

export const layers: readonly Mutation[] = [
  {
    name: "a layer's archive is what its document names",
    file: "agent/packages/layer.ts",
    find: "if (got.sha256 !== sha256) {",
    replace: "if (got.size < 0) {",
    tests: [...ensure, "test/agent/packages/layer.test.ts"],
  },
  {
    name: "no file of a layer runs as root for who starts it",
    file: "agent/packages/layer.ts",
    find: '"--no-same-permissions", ',
    replace: "",
    tests: ["test/agent/packages/layer.test.ts"],
  },
  {
    name: "a layer is checked before anything of it is installed",
    file: "agent/packages/ensure.ts",
    find: "await debian.check(place, version.files, since, signal);\n    await debian.install(checked.folder,",
    replace:
      "await debian.check(place, [], {}, signal).catch(() => ({ folder: place, index: {}, expired: [] }));\n    await debian.install(place,",
    tests: ensure,
  },
  {
    name: "how old a layer may be is asked for",
    file: "agent/packages/ensure.ts",
    find: "value?.since[key] ?? {}",
    replace: "({})",
    tests: ensure,
  },
  {
    name: "a candidate is tried while another machine serves",
    file: "agent/packages/ensure.ts",
    find: "candidate === undefined || !(await trial())",
    replace: "candidate === undefined",
    tests: ["test/agent/packages/renewal.test.ts"],
  },
  {
    name: "a candidate has one try",
    file: "agent/packages/ensure.ts",
    find: "(await claimTrial(store, key, candidate.sha256, instance, clock.now())) ? candidate : undefined",
    replace: "candidate",
    tests: ["test/agent/packages/renewal.test.ts"],
  },
  {
    name: "a list that could not be Debian's fills no memory",
    file: "agent/packages/debian-index.ts",
    find: "if (bytes > MOST_BYTES || rest.length > MOST_OF_ENTRY) throw tooLarge;",
    replace: "",
    tests: ["test/agent/packages/debian-index.test.ts"],
  },
  {
    name: "the index of security updates cannot be left out",
    file: "agent/packages/debian-index.ts",
    find: "[codename, `${codename}-security`];",
    replace: "[codename];",
    tests: check,
    system: true,
  },
  {
    name: "a list of packages is the one that Debian signed",
    file: "agent/packages/check.ts",
    find: "list === undefined || list.sha256 !== releases.get(suite)?.packages",
    replace: "list === undefined",
    tests: check,
    system: true,
  },
  {
    name: "apt verifies the signature",
    file: "agent/packages/check.ts",
    find: "[signed-by=${layer.keyring}${late}]",
    replace: "[trusted=yes${late}]",
    tests: check,
    system: true,
  },
  {
    name: "an older index that Debian signed is refused",
    file: "agent/packages/check.ts",
    find: "date === undefined || Date.parse(date) < Date.parse(since)",
    replace: "date === undefined",
    tests: check,
    system: true,
  },
  {
    name: "one suite's index is no other's",
    file: "agent/packages/check.ts",
    find: "if (release.codename !== suite) {",
    replace: "if (release.codename === undefined) {",
    tests: check,
    system: true,
  },
  {
    name: "a foreign .deb is refused",
    file: "agent/packages/check.ts",
    find: "if (foreign.length > 0)",
    replace: "if (foreign.length < 0)",
    tests: check,
    system: true,
  },
  {
    name: "an older .deb that Debian signed is refused",
    file: "agent/packages/check.ts",
    find: "if (missing.length > 0) throw",
    replace: "if (missing.length < 0) throw",
    tests: check,
    system: true,
  },
  {
    name: "an index that expired is accepted",
    file: "agent/packages/check.ts",
    find: '" check-valid-until=no"',
    replace: '""',
    tests: check,
    system: true,
  },
  {
    name: "links in a layer are not followed",
    file: "agent/packages/check.ts",
    find: "if (found?.isFile() !== true)",
    replace: "if (found === undefined)",
    tests: check,
    system: true,
  },
];
