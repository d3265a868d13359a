/** What a project's settings say of hosts, keys and what a site does not do. Pure. */
import { errorFinding, type Finding, warningFinding } from "../findings/finding.ts";
import { runnersOf } from "./runners.ts";
import type { Subject } from "./subject.ts";

export function settings({ learnt, hosts, env, secrets }: Subject): Finding[] {
  const { facts, read } = learnt;
  if (facts === undefined) return [];
  const { places } = read;
  const refused = facts.hosts == null ? [] : hosts.filter((host) => !admits(facts.hosts ?? [], host));
  const elsewhere = facts.secret.kind === "variable" ? facts.secret.variable : undefined;
  const unset =
    elsewhere !== undefined && !(elsewhere in env) && secrets !== undefined && !secrets.includes(elsewhere);
  return [
    ...(facts.debug === true
      ? [
          warningFinding(
            "project.W001",
            "DEBUG is on: visitors would see the project's source and settings",
            {
              where: places.DEBUG,
              hint: "turn it off; `everspot init` writes settings that do",
            },
          ),
        ]
      : []),
    ...(refused.length > 0
      ? [
          errorFinding(
            "project.E014",
            `ALLOWED_HOSTS does not admit ${refused.join(" and ")}: every request would be refused`,
            {
              where: places.ALLOWED_HOSTS,
              hint: "take them from EVERSPOT_HOSTS, which the app finds in its environment; `everspot init` writes settings that do",
            },
          ),
        ]
      : []),
    ...(facts.secret.kind === "random"
      ? [
          warningFinding(
            "project.W002",
            "SECRET_KEY differs from process to process: sessions and forms would fail at random",
            {
              where: places.SECRET_KEY,
              hint: "take it from the environment, and set it once: `everspot secret set SECRET_KEY`",
            },
          ),
        ]
      : []),
    ...(facts.secret.kind === "own" && learnt.asked
      ? [
          warningFinding(
            "project.W003",
            "SECRET_KEY is in the sources: whoever can read them can forge sessions",
            {
              where: places.SECRET_KEY,
              hint: "take it from the environment; `everspot init` writes settings that do",
            },
          ),
        ]
      : []),
    ...(unset
      ? [
          warningFinding(
            "project.W004",
            `SECRET_KEY comes from ${elsewhere}, which is not set, so the value in the sources is used`,
            {
              where: places.SECRET_KEY,
              hint: `[app] random_secrets = ["${elsewhere}"], or \`everspot secret set ${elsewhere}\``,
            },
          ),
        ]
      : []),
  ];
}

/** As Django's validate_host has it. */
export const admits = (patterns: readonly (string | null | undefined)[], host: string): boolean =>
  patterns.some(
    (p) =>
      p === "*" ||
      p?.toLowerCase() === host ||
      (p?.startsWith(".") === true && (host.endsWith(p) || host === p.slice(1))),
  );

export function others({ learnt, asgi, beside, static: served }: Subject): Finding[] {
  const { facts, layout } = learnt;
  const apps = facts?.apps ?? [];
  const project = (learnt.wsgi ?? learnt.settings ?? "mysite").split(".")[0] ?? "";
  const running = beside ? [] : runnersOf(apps, layout.names, project);
  const collects = apps.includes("django.contrib.staticfiles");
  return [
    ...(running.length > 0
      ? [
          warningFinding(
            "project.W008",
            `the project uses ${running.map(({ name }) => name).join(" and ")}, and nothing runs it`,
            { hint: `it has a table of its own: ${running.map(({ table }) => table).join("; ")}` },
          ),
        ]
      : []),
    ...(asgi === undefined && apps.some((app) => app === "channels" || app === "daphne")
      ? [
          warningFinding(
            "project.W011",
            "the project uses Channels: the site is served by WSGI, without WebSockets",
            {
              hint: `pages work; what needs a WebSocket does not: name the ASGI application instead, asgi = "${project}.asgi:application"`,
            },
          ),
        ]
      : []),
    ...(collects && served === undefined && facts?.staticUrl != null && !/^https?:/.test(facts.staticUrl)
      ? [
          warningFinding("project.W012", "nothing serves the static files", {
            hint: '[app] static = { url = "/static/", folder = "staticfiles" }, and collectstatic in before_start',
          }),
        ]
      : []),
    ...(served !== undefined &&
    learnt.asked &&
    facts?.staticRoot != null &&
    !served.some(({ folder }) => folder === facts.staticRoot)
      ? [
          warningFinding(
            "project.W007",
            `collectstatic writes to ${facts.staticRoot}, and nginx serves ${served.map(({ folder }) => folder).join(" and ")}`,
            {
              where: learnt.read.places.STATIC_ROOT,
              hint: "it must be one of the folders of [app] static, inside the project",
            },
          ),
        ]
      : []),
    ...(layout.names.has("gunicorn.conf.py")
      ? [
          warningFinding("project.W014", "the project's own gunicorn.conf.py is in force too", {
            where: "gunicorn.conf.py",
            hint: "its bind, user, certificates, daemon and reuse_port are not: nginx and systemd decide those",
          }),
        ]
      : []),
  ];
}
