/** What stands against serving a project as everspot.toml has it: all of it at once. Pure. */
import { errorFinding, type Finding, warningFinding } from "../findings/finding.ts";
import { isDriver } from "./ask.ts";
import { databases, gdal, uploads, writes } from "./data-checks.ts";
import { isReal, serverOf } from "./databases.ts";
import type { Learnt } from "./learn.ts";
import { others, settings } from "./settings-checks.ts";
import { fileOf } from "./settings-modules.ts";
import { isSecretName } from "./stand-ins.ts";
import type { Subject } from "./subject.ts";

export function checkProject(subject: Subject): Finding[] {
  const { learnt } = subject;
  if (learnt.layout.files.every((f) => !f.path.endsWith(".py"))) return [hollow(learnt)];
  return [
    ...modules(subject),
    ...dependencies(subject),
    ...commands(subject),
    ...variables(subject),
    ...start(subject),
    ...tried(subject),
    ...databases(subject),
    ...writes(subject),
    ...settings(subject),
    ...uploads(subject),
    ...others(subject),
    ...djangoChecks(learnt),
  ];
}

/** Checks on what an instance of everspot does in the app's place: the redirection to https, and HSTS. */
const DONE_OUTSIDE = new Set(["security.W004", "security.W008"]);
/** Checks on the key: where it comes from a variable, what was looked at is a stand-in. */
const OF_THE_KEY = new Set(["security.W009", "security.W025"]);
const ERROR = 40;

/** What `manage.py check --deploy` said, where it was asked for, by Django's own ids. */
function djangoChecks({ started, facts }: Learnt): Finding[] {
  const standIn = facts?.secret.kind === "variable";
  return (started?.answer.checks ?? []).flatMap(([id, level, what, hint, object]): Finding[] => {
    const [, name, number] = /^([\w.]+)\.[A-Z](\d+)$/.exec(id) ?? [];
    if (name === undefined || DONE_OUTSIDE.has(id) || (standIn && OF_THE_KEY.has(id))) return [];
    const more = {
      where: object === "" ? undefined : object,
      hint: hint === "" ? `\`manage.py check --deploy\` says it, too (${id})` : hint.replaceAll(/\s+/g, " "),
    };
    const plain = what.replaceAll(/\s+/g, " ").replace(/\.$/, "");
    return level >= ERROR
      ? [errorFinding(`${name}.E${number}` as `${string}.E${number}`, plain, more)]
      : [warningFinding(`${name}.W${number}` as `${string}.W${number}`, plain, more)];
  });
}

const hollow = ({ layout }: Learnt): Finding =>
  errorFinding("project.E001", "there is no Python in the project: nothing would be served", {
    where: layout.folder,
    hint: "run everspot in the folder of the Django project, or name the app's folder in [app] root",
  });

function modules({ learnt, wsgi, asgi, env }: Subject): Finding[] {
  const files = new Set(learnt.layout.files.map((f) => f.path));
  const tops = new Set([...files].map((f) => f.split("/")[0]?.replace(/\.py$/, "")));
  const [key, application] = asgi === undefined ? ["wsgi", wsgi ?? ""] : ["asgi", asgi];
  const [module = ""] = application.split(":");
  const chosen = env.DJANGO_SETTINGS_MODULE;
  // What none of the project's folders could hold comes with a package.
  const missing = (name: string): boolean =>
    fileOf(name, files) === undefined &&
    (tops.has(name.split(".")[0]) || !name.includes(".") || !isPackaged(name));
  return [
    ...(missing(module)
      ? [
          errorFinding("project.E002", `the module of ${key} = "${application}" is not in the project`, {
            where: `${module.replaceAll(".", "/")}.py`,
            hint:
              asgi !== undefined || learnt.wsgi === undefined || learnt.wsgi === wsgi
                ? asgi === undefined
                  ? "`everspot init` writes one"
                  : "name the project's own, as its ASGI_APPLICATION does"
                : `did you mean "${learnt.wsgi}"?`,
          }),
        ]
      : []),
    ...(chosen !== undefined && missing(chosen)
      ? [
          errorFinding(
            "project.E003",
            `DJANGO_SETTINGS_MODULE names ${chosen}, which is not in the project`,
            {
              where: "[app.env] DJANGO_SETTINGS_MODULE",
              hint: "check its name, and that neither .gitignore nor .everspotignore leaves it out",
            },
          ),
        ]
      : []),
  ];
}

/** Packages of which the settings or the application itself may be a part. */
const isPackaged = (name: string): boolean =>
  /^(coltrane|mezzanine|wagtail|cms|whitenoise|dj_wsgi)\./.test(name);

function dependencies({ declared, packages, learnt }: Subject): Finding[] {
  if (declared !== undefined || packages.includes("python3-django")) return [];
  return [
    errorFinding("project.E004", "nothing says where Django comes from: the release would have no packages", {
      where: learnt.layout.folder,
      hint: 'write a requirements.txt (`everspot init` does), or take Debian\'s: [image] packages = ["python3-django"]',
    }),
  ];
}

function commands({ beforeStart, learnt }: Subject): Finding[] {
  const files = new Set(learnt.layout.files.map((f) => f.path));
  return beforeStart.flatMap((command): Finding[] => {
    const where = `[app] before_start: ${command}`;
    const [, python, script] =
      /(?:^|[;&|]\s*)(?:exec\s+)?(python3?)\s+(?:-\w\s+)*([\w./-]+\.py)?/.exec(command) ?? [];
    return [
      ...(python === "python"
        ? [
            errorFinding("project.E006", "Debian has no `python`, only `python3`", {
              where,
              hint: "write python3",
            }),
          ]
        : []),
      ...(script !== undefined && !files.has(script.replace(/^\.\//, ""))
        ? [
            errorFinding("project.E011", `${script} is not in the project`, {
              where,
              hint: "commands run in the app's folder: check [app] root",
            }),
          ]
        : []),
    ];
  });
}

function variables({ learnt, env, secrets }: Subject): Finding[] {
  const missing = learnt.required.filter(({ name }) => !(name in env) && secrets?.includes(name) === false);
  if (missing.length === 0) return [];
  const names = missing.map((v) => v.name);
  const what = `the app does not start without ${names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`}`;
  const kept = names.filter(isSecretName);
  const hint = [
    ...(kept.length > 0 ? [`${kept.map((name) => `\`everspot secret set ${name}\``).join(", ")}`] : []),
    ...(kept.length < names.length
      ? [`[app.env] for ${names.filter((n) => !kept.includes(n)).join(", ")}`]
      : []),
  ].join("; ");
  const where = missing.find((v) => v.where !== undefined)?.where;
  // Read, not asked: a file that is not there may make up for it.
  return [
    learnt.asked || learnt.failure !== undefined
      ? errorFinding("project.E009", what, { where, hint })
      : warningFinding("project.W009", `it seems that ${what}`, { where, hint }),
  ];
}

function start(subject: Subject): Finding[] {
  const { learnt, packages } = subject;
  const { failure } = learnt;
  if (failure === undefined) return [];
  // Where there is no server either, that says it all.
  if (isDriver(failure) && databases(subject).some((f) => f.id === "project.E007")) return [];
  if (/GDAL|libgdal/.test(failure.message)) return gdal(packages, failure.where);
  const where = failure.where ?? undefined;
  const said = `${failure.type}: ${failure.message.split("\n")[0]}`;
  const library = /cannot load library|cannot open shared object|OSError|Couldn't find .*librar/i.test(said);
  // This computer's libraries say nothing about the instance's.
  if (library) {
    return [
      warningFinding("project.W010", `the project does not start here: ${said}`, {
        where,
        hint: "if the library is missing on Debian too, name its package in [image] packages",
      }),
    ];
  }
  return [
    errorFinding("project.E010", `the project does not start: ${said}`, {
      where,
      hint: `it was tried with ${learnt.started?.interpreter.label ?? "its own Python"}, without a network: correct this, or say what it needs in [app.env]`,
    }),
  ];
}

/** Migrations, static files and pages, where they were tried. */
function tried({ learnt, static: served }: Subject): Finding[] {
  const { answer } = learnt.started ?? {};
  const databases = Object.values(learnt.facts?.databases ?? {});
  // Without a network there is none.
  const asksServer = databases.some((d) => serverOf(d) !== undefined);
  const found = (["migrate", "collectstatic"] as const).flatMap((command): Finding[] => {
    const failure = answer?.errors?.[command];
    if (failure === undefined || NO_NETWORK.test(failure.message)) return [];
    if (command === "collectstatic" && served === undefined) return [];
    if (command === "migrate" && (asksServer || !databases.some(isReal))) return [];
    return [
      errorFinding(
        command === "migrate" ? "project.E015" : "project.E016",
        `${command} fails: ${failure.type}: ${firstLine(failure.message)}`,
        {
          where: failure.where ?? undefined,
          hint: "it was tried in a copy of the project, with an empty database and without a network",
        },
      ),
    ];
  });
  const home = answer?.visits?.["/"];
  if (home === undefined || home.status < 500) return found;
  const { error } = home;
  if (asksServer && /^(OperationalError|InterfaceError)$/.test(error?.type ?? "")) return found;
  const why = error == null ? "" : `: ${error.type}: ${firstLine(error.message)}`;
  return [
    ...found,
    warningFinding("project.W015", `/ answers ${home.status} while the database is empty${why}`, {
      where: error?.where ?? undefined,
      hint: "visitors see an error until there is something to show",
    }),
  ];
}

const NO_NETWORK = /without a network/;
const firstLine = (text: string): string => text.split("\n")[0] ?? "";
