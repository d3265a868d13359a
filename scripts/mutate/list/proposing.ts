// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
/** What `everspot init` asks of a project, and what it proposes. */
import type { Mutation } from "../mutation.ts";

const parts = ["test/provisioner/init/parts.test.ts"];
const init = ["test/provisioner/init/init.test.ts"];
const asked = ["test/system/init.test.ts"];
const index = ["test/system/packing-index.test.ts"];

export const proposing: readonly Mutation[] = [
  {
    name: "init leaves alone what someone changed",
    file: "provisioner/init/write.ts",
    find: 'return after.startsWith(before) ? "added" : "differs";',
    replace: 'return "added";',
    tests: init,
  },
  {
    name: "init shows what it proposes beside what is there",
    file: "provisioner/commands/init.ts",
    find: '    for (const line of diffLines(before ?? "", text)) terminal.print(`  ${line}`);\n',
    replace: "",
    tests: init,
  },
  {
    name: "a host's settings are the project's own, with what it lacks",
    file: "provisioner/init/settings-file.ts",
    find: "`from ${module} import *  # noqa: F401,F403`,",
    replace: '"",',
    tests: [...init, ...parts],
  },
  {
    name: "init turns DEBUG off",
    file: "provisioner/init/needs.ts",
    find: "debugOff: facts?.debug !== false,",
    replace: "debugOff: false,",
    tests: init,
  },
  {
    name: "init makes a key that nobody has to think of",
    file: "provisioner/init/environment.ts",
    find: "...(key === undefined ? [] : [key]), ...insisted",
    replace: "...insisted",
    tests: init,
  },
  {
    name: "init has the app take its settings",
    file: "provisioner/init/environment.ts",
    find: "if (settings !== undefined) env.DJANGO_SETTINGS_MODULE = settings;",
    replace: "",
    tests: init,
  },
  {
    name: "init names the folder that the app is in",
    file: "provisioner/init/propose.ts",
    find: '...(layout.root === "" ? {} : { root: layout.root }),',
    replace: "",
    tests: init,
  },
  {
    name: "init leaves a committed .env out of releases",
    file: "provisioner/init/propose.ts",
    find: "...ignores(situation).map((text) => ({",
    replace: "...ignores(situation).slice(0, 0).map((text) => ({",
    tests: init,
  },
  {
    name: "migrations come before static files, one after the other",
    file: "provisioner/init/app-commands.ts",
    find: '? [command("migrate --noinput")]',
    replace: "? []",
    tests: init,
  },
  {
    name: "a page that answers is the health path",
    file: "provisioner/init/trial.ts",
    find: "return first?.[0];",
    replace: "return undefined;",
    tests: parts,
  },
  {
    name: "a list of packages is written where there is none",
    file: "provisioner/init/release-files.ts",
    find: "if (declared !== undefined) return [];",
    replace: "if (declared !== null) return [];",
    tests: asked,
    system: true,
  },
  {
    name: "variables are found all at once",
    file: "provisioner/project/ask.ts",
    find: "if (fresh.length > 0) continue;",
    replace: "if (fresh.length > 0) break;",
    tests: asked,
    system: true,
  },
  {
    name: "a project is asked in a clean environment",
    file: "provisioner/project/workspace.ts",
    find: "        extendEnv: false,\n        reject: false,\n        stdin",
    replace: "        reject: false,\n        stdin",
    tests: asked,
    system: true,
  },
  {
    name: "a project is asked without a network",
    file: "provisioner/project/python/ask.py",
    find: "socket.socket.connect = refuse\nsocket.socket.connect_ex = refuse\nsocket.socket.sendto = refuse\nsocket.getaddrinfo = refuse\nsocket.create_connection = refuse\n",
    replace: "",
    tests: asked,
    system: true,
  },
  {
    name: "a key that is random is found out by asking twice",
    file: "provisioner/project/learn.ts",
    find: ": await refined(facts, started, workspace, { ...known, settings, wsgi }),",
    replace: ": facts,",
    tests: asked,
    system: true,
  },
  {
    name: "the Debian is the one whose Python has all packages",
    file: "provisioner/init/learn.ts",
    find: 'if (os === undefined && mightFit(first.packed, "debian-12")) {',
    replace: "if (os === null) {",
    tests: index,
    system: true,
  },
  {
    name: "init leaves out what a site does not need and cannot have",
    file: "provisioner/init/learn.ts",
    find: "if (needless.length === 0) return",
    replace: "if (needless.length >= 0) return",
    tests: index,
    system: true,
  },
];
