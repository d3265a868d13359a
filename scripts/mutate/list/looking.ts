/** What is known before a release serves: of the project, of what visitors would see, of settings that cannot work. */
import type { Mutation } from "../mutation.ts";

const up = ["test/provisioner/commands/up.test.ts"];
const look = ["test/agent/look/look.test.ts"];
const gunicorn = ["test/agent/serving/gunicorn-config.test.ts"];

export const looking: readonly Mutation[] = [
  {
    name: "`up` is refused before anything is changed in AWS",
    file: "provisioner/commands/up.ts",
    find: "    refuseProject(config.site, findings, packing);\n",
    replace: "",
    tests: up,
  },
  {
    name: "`plan` packs",
    file: "provisioner/commands/plan.ts",
    find: "options.pack && plan.change !== undefined",
    replace: "options.pack && plan.change === null",
    tests: up,
  },
  {
    name: "the front page is looked at, and where it leads to",
    file: "agent/look/look.ts",
    find: "for (let hops = 0; isRedirect(reply); hops++) {",
    replace: "for (let hops = 0; hops < 0 && isRedirect(reply); hops++) {",
    tests: look,
  },
  {
    name: "stylesheets and scripts of a page are looked for",
    file: "agent/look/look.ts",
    find: "if (gone.length === 0) return [];",
    replace: "if (gone.length >= 0) return [];",
    tests: look,
  },
  {
    name: "a page of DEBUG is told from afar",
    file: "agent/look/look.ts",
    find: "if (showsDebug(reply.text))",
    replace: 'if (reply.text === "")',
    tests: look,
  },
  {
    name: "DEBUG is told by what the workers hold",
    file: "agent/serving/worker-facts.ts",
    find: "if (all.some((f) => f.debug === true)) {",
    replace: "if (all.length < 0) {",
    tests: look,
  },
  {
    name: "another key in each worker is told",
    file: "agent/serving/worker-facts.ts",
    find: "if (new Set(all.flatMap((f) => f.key ?? [])).size > 1) {",
    replace: "if (all.length < 0) {",
    tests: look,
  },
  {
    name: "a key that stands in the sources is told",
    file: "agent/serving/worker-facts.ts",
    find: 'if (all.some((f) => f.insecure === true) || typeof source === "string") {',
    replace: "if (all.length < 0) {",
    tests: look,
  },
  {
    name: "what of a project's settings of gunicorn cannot work is overruled",
    file: "agent/serving/gunicorn-config.ts",
    find: "daemon = False\nreuse_port = False\n",
    replace: "",
    tests: gunicorn,
  },
  {
    name: "gunicorn listens where nginx asks",
    file: "agent/serving/gunicorn-config.ts",
    find: 'for name in ("bind", "user", "group"):',
    replace: 'for name in ("user", "group"):',
    tests: gunicorn,
  },
  {
    name: "a working directory of another machine is left out",
    file: "agent/serving/gunicorn-config.ts",
    find: 'if not __import__("os").path.isdir(globals().get("chdir") or "."):\n    del chdir\n',
    replace: "",
    tests: gunicorn,
  },
];
