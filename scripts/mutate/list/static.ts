// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
/** Static files, whether they are of the release that serves, of the one before, or of none. */
import type { Mutation } from "../mutation.ts";

const nginx = ["test/agent/serving/nginx-config.test.ts"];

export const staticFiles: readonly Mutation[] = [
  {
    name: "a static file that is not there is asked of the app",
    file: "agent/serving/nginx-static.ts",
    find: "error_page 404 = ${miss};",
    replace: "",
    tests: nginx,
  },
  {
    name: "a file of the release before is found by its hash",
    file: "agent/serving/nginx-static.ts",
    find: '${served(before, "@missed")}',
    replace: "return 404;",
    tests: nginx,
  },
  {
    name: "a request carries as much as the configuration says",
    file: "agent/serving/nginx-config.ts",
    find: "client_max_body_size ${site.maxBody}m;",
    replace: "client_max_body_size 32m;",
    tests: nginx,
  },
  {
    name: "modules and manifests have their types",
    file: "agent/serving/nginx-config.ts",
    find: "        application/javascript mjs;\n",
    replace: "",
    tests: ["test/system/front.test.ts"],
    system: true,
  },
  {
    name: "a date is no hash of a content",
    file: "agent/serving/static-folder.ts",
    find: "(?=[0-9]*[a-f])(?=[a-f]*[0-9])",
    replace: "",
    tests: ["test/system/front.test.ts"],
    system: true,
  },
  {
    name: "a new machine has what open pages of the release before name",
    file: "agent/release/earlier-static.ts",
    find: "      await bring(store, { id: earlier, n }, folder, signal);\n",
    replace: "",
    tests: ["test/agent/release/earlier-static.test.ts"],
  },
  {
    name: "what was replaced within a week may still be open",
    file: "agent/release/earlier-static.ts",
    find: "> now - OPEN_DAYS * 86_400_000",
    replace: "> now",
    tests: ["test/agent/release/earlier-static.test.ts"],
  },
];
