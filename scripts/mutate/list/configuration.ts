// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
/** What everspot.toml may say, and what is installed and run before a deploy. */
import type { Mutation } from "../mutation.ts";

const values = ["test/provisioner/config/values.test.ts"];
const action = ["test/examples/deploy.test.ts"];
const runtime = ["test/provisioner/archive/node-runtime.test.ts"];

export const configuration: readonly Mutation[] = [
  {
    name: "the whole project is not published",
    file: "agent/site/config/static-files.ts",
    find: 'if (folder === "") {',
    replace: 'if (folder === "/") {',
    tests: values,
  },
  {
    name: "a static folder is inside the project",
    file: "agent/site/config/static-files.ts",
    find: ' || folder.split("/").includes("..")',
    replace: "",
    tests: values,
  },
  {
    name: "what nginx cannot write is refused",
    file: "agent/site/config/static-files.ts",
    find: 'if (folder.includes("$"))',
    replace: "if (false)",
    tests: values,
  },
  {
    name: "everspot's own folder is not published",
    file: "agent/site/config/static-files.ts",
    find: 'if (folder.split("/")[0] === ".everspot") {',
    replace: 'if (folder === "/") {',
    tests: values,
  },
  {
    name: "a URL without its dots is what nginx sees",
    file: "agent/site/config/static-files.ts",
    find: "if (hasDots(path))",
    replace: "if (false)",
    tests: values,
  },
  {
    name: "control characters cannot stand in a URL",
    file: "agent/site/config/static-files.ts",
    find: "  return visible(path);\n",
    replace: "  return undefined;\n",
    tests: values,
  },
  {
    name: "a health path is asked for as it is written",
    file: "agent/site/config/urls.ts",
    find: "if (PATH.test(path) && asked === path) return undefined;",
    replace: 'if (path.startsWith("/")) return undefined;',
    tests: values,
  },
  {
    name: "a webhook's URL has no password in it",
    file: "agent/site/config/urls.ts",
    find: 'if (username !== "" || password !== "") {',
    replace: 'if (username === "\\n") {',
    tests: values,
  },
  {
    name: "an environment has no control characters",
    file: "agent/site/config/app.ts",
    find: "z.record(variable, text(printable))",
    replace: "z.record(variable, z.string())",
    tests: values,
  },
  {
    name: "a command is one for a shell",
    file: "provisioner/config/shell.ts",
    find: "if (status === null || status === 0) return undefined;",
    replace: "if (status !== undefined) return undefined;",
    tests: ["test/provisioner/config/load.test.ts", ...values],
  },
  {
    name: "a name of a package is no option of apt's",
    file: "agent/site/config/site.ts",
    find: "/^[a-z0-9][a-z0-9+.-]*[a-z0-9+]$/",
    replace: "/^.*$/",
    tests: ["test/provisioner/config/load.test.ts", ...values],
  },
  {
    name: "the action installs nothing by name",
    file: "action.yml",
    find: "npm ci --ignore-scripts --no-audit --no-fund",
    replace: "npm install --global everspot@latest",
    tests: action,
  },
  {
    name: "the action runs no package's scripts",
    file: "action.yml",
    find: "npm ci --ignore-scripts --no-audit --no-fund",
    replace: "npm ci --no-audit --no-fund",
    tests: action,
  },
  {
    name: "what the example runs is named by its SHA",
    file: "examples/deploy.yml",
    find: "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    replace: "actions/checkout@v7",
    tests: action,
  },
  {
    name: "the Node for instances is the pinned one",
    file: "provisioner/archive/node-runtime.ts",
    find: "if (found !== integrity) {",
    replace: 'if (found === "") {',
    tests: runtime,
  },
  {
    name: "npm gets no credentials",
    file: "provisioner/archive/node-runtime.ts",
    find: "env: withoutCredentials(process.env),",
    replace: "env: process.env,",
    tests: runtime,
  },
  {
    name: "npm runs no script of what it fetches",
    file: "provisioner/archive/node-runtime.ts",
    find: '["pack", "--ignore-scripts", ',
    replace: '["pack", ',
    tests: runtime,
  },
  {
    name: "a package that npm links has its command",
    file: "package.json",
    find: '    "prepare": "node scripts/build/prepare.mjs",\n',
    replace: "",
    tests: ["test/system/install.test.ts"],
    system: true,
  },
  {
    name: "the build before a deploy has no credentials in reach",
    file: "action.yml",
    find: '        unset "${!AWS_@}" "${!ACTIONS_@}"\n        cd "$GITHUB_ACTION_PATH"',
    replace: '        cd "$GITHUB_ACTION_PATH"',
    tests: ["test/system/action.test.ts"],
    system: true,
  },
];
