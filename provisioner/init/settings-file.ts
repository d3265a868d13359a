/** everspot_settings.py: what a site needs of Django's settings, on top of the project's own. Pure. */

import type { PathSetting } from "../project/writes.ts";

export const SETTINGS_MODULE = "everspot_settings";
export const WSGI_MODULE = "everspot_wsgi";

/** What the project's settings must be given. */
export interface Needs {
  debugOff: boolean;
  hosts: boolean;
  /** Django 4 and later take them with their scheme. */
  origins: boolean;
  proxyHeader: boolean;
  /** The variable with the secret key; undefined where the project takes it from one by itself. */
  secretKey: string | undefined;
  /** SQLite into the app's own folder. */
  database: boolean;
  media: boolean;
  /** Folder below the project. */
  staticRoot: string | undefined;
  logFiles: boolean;
  /** What else is written, into the app's own folder. */
  moved: readonly PathSetting[];
  /** Errors said on stderr: Django says nothing there without DEBUG. */
  logging: boolean;
}

export const needsAny = (needs: Needs): boolean =>
  Object.entries({ ...needs, moved: needs.moved.length > 0 }).some(
    ([name, need]) => name !== "logging" && need !== false && need !== undefined,
  );

/** @param module the project's own settings. */
export function settingsFile(module: string, needs: Needs): string {
  const parts = [
    needs.debugOff ? ["DEBUG = False"] : [],
    needs.hosts || needs.origins ? hosts(needs) : [],
    needs.proxyHeader
      ? [
          "# nginx sets this header on requests that came by HTTPS, and accepts it from no visitor.",
          'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
        ]
      : [],
    needs.secretKey === undefined
      ? []
      : [
          "# The same for all workers and instances, and in no repository: `everspot up` makes it (random_secrets).",
          `SECRET_KEY = os.environ["${needs.secretKey}"]`,
        ],
    needs.database || needs.media || needs.logFiles || needs.moved.length > 0 ? state(needs) : [],
    needs.staticRoot === undefined
      ? []
      : [
          "# nginx serves this folder.",
          `STATIC_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "${needs.staticRoot}")`,
        ],
    needs.logging ? logging : [],
  ].filter((part) => part.length > 0);
  return [
    '"""What the site needs of Django\'s settings, on top of the project\'s own.',
    "",
    "Written by `everspot init`. It is yours to change: nothing overwrites it without asking.",
    '"""',
    "",
    "import os",
    ...(needs.moved.some((m) => m.isPath) ? ["import pathlib"] : []),
    "",
    ...(needs.database ? ["import django", ""] : []),
    `from ${module} import *  # noqa: F401,F403`,
    "",
    parts.map((part) => part.join("\n")).join("\n\n"),
    "",
  ].join("\n");
}

const hosts = (needs: Needs): string[] => [
  "# The site's names, from everspot.toml.",
  'EVERSPOT_HOSTS = os.environ.get("EVERSPOT_HOSTS", "localhost").split(",")',
  ...(needs.hosts ? ["ALLOWED_HOSTS = EVERSPOT_HOSTS"] : []),
  ...(needs.origins ? ['CSRF_TRUSTED_ORIGINS = ["https://" + host for host in EVERSPOT_HOSTS]'] : []),
];

const state = (needs: Needs): string[] => [
  "# The one folder on the instance in which the app may write. What [state] of everspot.toml does not name is lost with it.",
  'EVERSPOT_STATE = os.environ.get("STATE_DIRECTORY", os.path.dirname(os.path.abspath(__file__)))',
  ...(needs.database
    ? [
        "for alias, database in DATABASES.items():  # noqa: F405",
        '    if database.get("ENGINE", "").rpartition(".")[2] in ("sqlite3", "spatialite"):',
        '        name = os.path.basename(str(database.get("NAME") or ""))',
        '        if not name or ":memory:" in name or "mode=memory" in name:',
        '            name = alias + ".sqlite3"',
        '        database["NAME"] = os.path.join(EVERSPOT_STATE, name)',
        '        options = database.setdefault("OPTIONS", {})',
        '        # Who is going to write waits for a turn, instead of failing with "database is locked".',
        '        options.setdefault("timeout", 20)',
        "        if django.VERSION >= (5, 1):",
        '            options.setdefault("transaction_mode", "IMMEDIATE")',
      ]
    : []),
  ...(needs.media ? ['MEDIA_ROOT = os.path.join(EVERSPOT_STATE, "media")'] : []),
  ...(needs.logFiles
    ? [
        'for handler in LOGGING.get("handlers", {}).values():  # noqa: F405',
        '    if handler.get("filename"):',
        '        handler["filename"] = os.path.join(EVERSPOT_STATE, os.path.basename(str(handler["filename"])))',
      ]
    : []),
  ...needs.moved.map(({ setting, path, isPath }, i) => {
    const [name = "", ...folders] = path.split("/").reverse();
    const others = needs.moved.filter((_, other) => other !== i);
    const plain = others.some((o) => o.path.split("/").at(-1) === name)
      ? [name, ...folders].reverse().join("-")
      : name;
    const place = `os.path.join(EVERSPOT_STATE, ${JSON.stringify(plain)})`;
    const note = setting.includes("[") ? "  # noqa: F405" : "";
    return `${setting} = ${isPath ? `pathlib.Path(${place})` : place}${note}`;
  }),
];

const logging = [
  "# Without DEBUG, Django writes nothing about an error to stderr, and so nothing to the journal.",
  "LOGGING = {",
  '    "version": 1,',
  '    "disable_existing_loggers": False,',
  '    "handlers": {"console": {"class": "logging.StreamHandler"}},',
  '    "root": {"handlers": ["console"], "level": "WARNING"},',
  "}",
];

/** A WSGI application for a project that has none, or one that overrules the environment's settings. */
export const wsgiFile = (settings: string): string =>
  [
    '"""The application that the site runs. Written by `everspot init`."""',
    "",
    "import os",
    "",
    "from django.core.wsgi import get_wsgi_application",
    "",
    `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "${settings}")`,
    "",
    "application = get_wsgi_application()",
    "",
  ].join("\n");
