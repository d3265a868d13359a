/** What stands against serving a project as everspot.toml has it: all of it at once. Pure. */
import { errorFinding, type Finding, warningFinding } from "../findings/finding.ts";
import { isDriver } from "./ask.ts";
import { inMemory, isNear, isReal, isSqlite, needsGdal, placeOf, serverOf } from "./databases.ts";
import type { Learnt } from "./learn.ts";
import { fileOf } from "./settings-modules.ts";
import { isSecretName } from "./stand-ins.ts";

export interface Subject {
  learnt: Learnt;
  wsgi: string;
  /** `[app.env]`. */
  env: Readonly<Record<string, string>>;
  /** Names of the secrets that the app will find; undefined where they are not known: any might be one. */
  secrets: readonly string[] | undefined;
  beforeStart: readonly string[];
  static: { url: string; folder: string } | undefined;
  /** Debian packages of `[image]`. */
  packages: readonly string[];
  /** Domain and aliases. */
  hosts: readonly string[];
  /** The file that declares its dependencies. */
  declared: string | undefined;
  /** `[state]`: paths in the project or below $STATE_DIRECTORY that outlive the instance. */
  state: { database: readonly string[]; media?: string | undefined } | undefined;
}

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
  ];
}

const hollow = ({ layout }: Learnt): Finding =>
  errorFinding("project.E001", "there is no Python in the project: nothing would be served", {
    where: layout.folder,
    hint: "run everspot in the folder of the Django project, or name the app's folder in [app] root",
  });

function modules({ learnt, wsgi, env }: Subject): Finding[] {
  const files = new Set(learnt.layout.files.map((f) => f.path));
  const tops = new Set([...files].map((f) => f.split("/")[0]?.replace(/\.py$/, "")));
  const [module = ""] = wsgi.split(":");
  const chosen = env.DJANGO_SETTINGS_MODULE;
  // What none of the project's folders could hold comes with a package.
  const missing = (name: string): boolean =>
    fileOf(name, files) === undefined &&
    (tops.has(name.split(".")[0]) || !name.includes(".") || !isPackaged(name));
  return [
    ...(missing(module)
      ? [
          errorFinding("project.E002", `the module of wsgi = "${wsgi}" is not in the project`, {
            where: `${module.replaceAll(".", "/")}.py`,
            hint:
              learnt.wsgi === undefined || learnt.wsgi === wsgi
                ? "`everspot init` writes one"
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
  // Of this computer's libraries nothing follows for the instance's.
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

const gdal = (packages: readonly string[], where?: string | null): Finding[] =>
  packages.some((p) => /^(gdal-bin|libgdal|python3-gdal)/.test(p))
    ? []
    : [
        errorFinding("project.E008", "GeoDjango needs GDAL, which is not on the instance", {
          where: where ?? undefined,
          hint: '[image] packages = ["gdal-bin"]',
        }),
      ];

function databases(subject: Subject): Finding[] {
  const { learnt, packages, beforeStart, secrets, env, state } = subject;
  const { facts, read } = learnt;
  if (facts === undefined) return [];
  const where = read.places.DATABASES;
  const urls = learnt.variables.filter((name) => /(^|_)(DATABASE|DB)_?URL$/.test(name));
  const given = urls.some((name) => secrets === undefined || secrets.includes(name) || name in env);
  const found = Object.entries(facts.databases).flatMap(([alias, database]): Finding[] => {
    const server = serverOf(database);
    const name = alias === "default" ? "the database" : `the database "${alias}"`;
    // What a secret says is not known here.
    if (server !== undefined && isNear(database) && !given) {
      const [variable] = urls;
      return [
        errorFinding(
          "project.E007",
          `${name} is ${server} ${placeOf(database)}, and an instance has no server of its own`,
          {
            where,
            hint:
              variable === undefined
                ? "let the settings take it from the environment (dj-database-url), and name a server elsewhere by `everspot secret set DATABASE_URL`"
                : `name a server elsewhere by \`everspot secret set ${variable}\``,
          },
        ),
      ];
    }
    if (inMemory(database)) {
      return [
        errorFinding("project.E012", `${name} is SQLite in memory: each worker has an empty one of its own`, {
          where,
          hint: "name a file below $STATE_DIRECTORY; `everspot init` writes settings that do",
        }),
      ];
    }
    if (!isSqlite(database.engine) || state?.database.includes(database.name ?? "") === true) return [];
    if (isInAppFolder(database.name)) return [passing(subject, name, database.name ?? "", where)];
    if (!learnt.asked) return [];
    const migrates = beforeStart.some((command) => /\bmigrate\b/.test(command));
    const what = `${name} is the SQLite file ${database.name}, where the app cannot write`;
    const hint = `[state] database = "${database.name}" keeps it there; or name a file below $STATE_DIRECTORY`;
    return [
      migrates
        ? errorFinding("project.E013", what, { where, hint })
        : warningFinding("project.W013", what, { where, hint }),
    ];
  });
  return [...found, ...(needsGdal(facts) ? gdal(packages, where) : [])].filter(
    (f, i, all) => all.findIndex((o) => o.id === f.id && o.what === f.what) === i,
  );
}

const isInAppFolder = (name: string | null | undefined): boolean =>
  (name ?? "").startsWith("$STATE_DIRECTORY");

/** It works, and what is written there lasts about a day. */
function passing({ learnt, state }: Subject, name: string, file: string, where: string | undefined): Finding {
  const root = learnt.facts?.mediaRoot;
  const media = state === undefined && isInAppFolder(root) ? ", and so do uploads" : "";
  const example = file.replace(/\/$/, "");
  return warningFinding(
    "project.W018",
    `${name} is SQLite: what is written to it goes with the instance${media}`,
    {
      where,
      hint: `[state] database = "${example}"${media === "" ? "" : ` and media = "${root}"`} keeps it in the site's bucket (docs/state.md)`,
    },
  );
}

/** What the app makes among its files as it starts; where it must do without, it may or may not start. */
function writes({ learnt, state }: Subject): Finding[] {
  const kept = (path: string): boolean =>
    state?.database.includes(path) === true || `${path}/`.startsWith(`${state?.media}/`);
  return learnt.writes
    .filter(({ path }) => !kept(path))
    .map(({ path, by }) => {
      const where = by && (learnt.read.places[by.setting.split("[")[0] ?? ""] ?? by.setting);
      const named = by === undefined ? "" : `, as ${by.setting} has it`;
      const hint =
        by === undefined
          ? 'let it write below os.environ["STATE_DIRECTORY"], the one folder that is the app\'s own'
          : "name a path below $STATE_DIRECTORY there; `everspot init` writes settings that do";
      return learnt.startsSealed === true
        ? warningFinding(
            "project.W017",
            `the app writes ${path}${named}: on the instance it has to do without`,
            {
              where,
              hint,
            },
          )
        : errorFinding("project.E017", `the app writes ${path}${named}, where it cannot`, { where, hint });
    });
}

function settings({ learnt, hosts, env, secrets }: Subject): Finding[] {
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
            "SECRET_KEY is another one in each process: sessions and forms would fail at random",
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
            "SECRET_KEY stands in the sources: who can read them can forge sessions",
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
            `SECRET_KEY comes from ${elsewhere}, which is not set: what the sources have instead is in force`,
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

function uploads({ learnt, state }: Subject): Finding[] {
  const { facts, started } = learnt;
  const fields = started?.answer.fileFields ?? [];
  const local = facts?.mediaStorage == null || /FileSystemStorage$/.test(facts.mediaStorage);
  if (facts === undefined || !local || fields.length === 0) return [];
  const root = facts.mediaRoot ?? "";
  if (state?.media !== undefined && root === state.media) return [];
  return [
    warningFinding(
      "project.W006",
      isInAppFolder(root)
        ? "what visitors upload goes with the instance, and nginx does not serve it"
        : `what visitors upload would go to ${facts.mediaRoot ?? "the project's folder"}, where the app cannot write`,
      {
        where: fields.slice(0, 3).join(", "),
        hint: `[state] media = "${root === "" ? "media" : root}" keeps them and serves them; or keep them in a bucket of their own (django-storages)`,
      },
    ),
  ];
}

function others({ learnt, static: served }: Subject): Finding[] {
  const { facts, layout } = learnt;
  const runners: [RegExp, string][] = [
    [/^(django_celery_beat|django_celery_results|celery)/, "Celery"],
    [/^huey/, "Huey"],
    [/^django_q/, "Django Q"],
    [/^(django_cron|django_crontab|crontab)/, "cron jobs"],
    [/^(django_rq|rq)/, "RQ"],
    [/^django_apscheduler/, "APScheduler"],
    [/^dramatiq|^django_dramatiq/, "Dramatiq"],
    [/^procrastinate/, "Procrastinate"],
  ];
  const apps = facts?.apps ?? [];
  const running = [
    ...new Set(runners.filter(([form]) => apps.some((app) => form.test(app))).map(([, name]) => name)),
  ];
  const collects = apps.includes("django.contrib.staticfiles");
  return [
    ...(running.length > 0
      ? [
          warningFinding(
            "project.W008",
            `the project uses ${running.join(" and ")}: the site runs no workers and no schedules`,
            {
              hint: "what waits for a worker is not done; run it elsewhere, or eagerly",
            },
          ),
        ]
      : []),
    ...(apps.some((app) => app === "channels" || app === "daphne")
      ? [
          warningFinding(
            "project.W011",
            "the project uses Channels: the site is served by WSGI, without WebSockets",
            {
              hint: "pages work; what needs a WebSocket does not",
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
    facts.staticRoot !== served.folder
      ? [
          warningFinding(
            "project.W007",
            `collectstatic writes to ${facts.staticRoot}, and nginx serves ${served.folder}`,
            {
              where: learnt.read.places.STATIC_ROOT,
              hint: "they must be the same folder, inside the project",
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
