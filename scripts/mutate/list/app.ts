// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
/** What an app asks for: ASGI, limits, names, headers; and maintenance. */
import type { Mutation } from "../mutation.ts";

const nginx = ["test/agent/serving/nginx-config.test.ts"];
const gunicorn = ["test/agent/serving/gunicorn-config.test.ts"];
const live = ["test/system/live.test.ts"];
const values = ["test/provisioner/config/values.test.ts"];
const command = ["test/provisioner/commands/maintenance.test.ts"];

export const app: readonly Mutation[] = [
  {
    name: "no protocol but WebSocket is switched to",
    file: "agent/serving/nginx-proxy.ts",
    find: '"~*^websocket$" websocket;',
    replace: "default $http_upgrade;",
    tests: nginx,
  },
  {
    name: "a path's limit holds for chunked bodies wherever they go",
    file: "agent/serving/nginx-locations.ts",
    find: "${limit}${proxy({ socket: forward,",
    replace: "${proxy({ socket: forward,",
    tests: nginx,
  },
  {
    name: "headers for all answers are on static files",
    file: "agent/serving/nginx-static.ts",
    find: "            ${always}`;",
    replace: "`;",
    tests: nginx,
  },
  {
    name: "the app's own header gives way",
    file: "agent/serving/nginx-config.ts",
    find: "`proxy_hide_header ${name};`,",
    replace: '"",',
    tests: nginx,
  },
  {
    name: "a visitor in maintenance gets the page for static files too",
    file: "agent/serving/nginx-static.ts",
    find: "            ${unless(here)}\n",
    replace: "",
    tests: nginx,
  },
  {
    name: "an ASGI app learns who asked",
    file: "agent/serving/gunicorn-config.ts",
    find: 'scope["client"] = (given[b"x-forwarded-for"], 0)',
    replace: "pass",
    tests: gunicorn,
  },
  {
    name: "a stream of events is not buffered",
    file: "agent/serving/gunicorn-config.ts",
    find: 'and b"content-length" not in names',
    replace: "and False",
    tests: gunicorn,
  },
  {
    name: "gunicorn is as patient as the most patient path",
    file: "agent/site/config/app.ts",
    find: "Math.max(app.timeout, ...Object.values(app.paths).map((limits) => limits.timeout ?? 0))",
    replace: "app.timeout",
    tests: ["test/agent/serving/app-environment.test.ts"],
  },
  {
    name: "connections that stay keep no app from stopping",
    file: "agent/serving/drain.ts",
    find: 'live ? "waiting" : "all"',
    replace: '"all"',
    tests: live,
    system: true,
  },
  {
    name: "events pass the forwarder of a hand-over",
    file: "agent/handover/forward-config.ts",
    find: '${config.live ? liveRequests : ""}',
    replace: "",
    tests: ["test/agent/handover/forward-config.test.ts"],
  },
  {
    name: "a name that the site does not have cannot be led to",
    file: "provisioner/config/rules.ts",
    find: "if (to === raw.domain || strings(raw.aliases).includes(to)) return [];",
    replace: "return [];",
    tests: values,
  },
  {
    name: "one of WSGI and ASGI is named",
    file: "provisioner/config/rules.ts",
    find: "if (app.wsgi !== undefined && app.asgi !== undefined) {",
    replace: "if (app === undefined) {",
    tests: values,
  },
  {
    name: "a boot is in maintenance before anybody can come",
    file: "agent/boot/steps.ts",
    find: "await host.maintain(read?.value);",
    replace: "",
    tests: ["test/agent/boot/steps.test.ts"],
  },
  {
    name: "an app that fails during maintenance is left alone",
    file: "agent/watchdog/app-control.ts",
    find: "if (await host.inMaintenance()) return true;",
    replace: "",
    tests: ["test/agent/duty/on-duty.test.ts"],
  },
  {
    name: "maintenance that ended while there was no agent ends here too",
    file: "agent/watch/maintenance.ts",
    find: "(first && !state.on && !(await here()))",
    replace: "(first && !state.on)",
    tests: ["test/agent/watch/maintenance.test.ts"],
  },
  {
    name: "a deploy works during maintenance",
    file: "provisioner/operator/probe.ts",
    find: "seen.status < 500 || seen.maintenance === true",
    replace: "seen.status < 500",
    tests: command,
  },
  {
    name: "who switches maintenance again changes nothing",
    file: "provisioner/commands/maintenance.ts",
    find: "if (current !== undefined && same(current, wanted)) return undefined;",
    replace: "",
    tests: command,
  },
];
