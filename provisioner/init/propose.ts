/** What a project needs to be served by everspot, from what was learnt of it. Pure. */

import { inMemory, isNear, isReal, isSqlite, needsGdal, serverOf } from "../project/databases.ts";
import type { Facts } from "../project/facts.ts";
import type { Learnt } from "../project/learn.ts";
import { fileOf } from "../project/settings-modules.ts";
import { isSecretName } from "../project/stand-ins.ts";
import { GDAL_PACKAGES, systemPackagesFor } from "../project/system-packages.ts";
import type { PathSetting } from "../project/writes.ts";
import type { Draft } from "./config-file.ts";
import { configFile } from "./config-file.ts";
import { sealed } from "./seal.ts";
import {
  type Needs,
  needsAny,
  SETTINGS_MODULE,
  settingsFile,
  WSGI_MODULE,
  wsgiFile,
} from "./settings-file.ts";

export interface Situation {
  learnt: Learnt;
  site: string;
  region: string;
  domain: string;
  os: "debian-13" | "debian-12";
  /** Names of the project's packages, with their versions where they are known. */
  packages: readonly string[];
  /** Those of them that a site does not need, and that cannot be had. */
  without: readonly string[];
  /** The file that declares them. */
  declared: string | undefined;
  /** Django's version as the project's sources tell it. */
  generatedBy: string | undefined;
  /** Files that look like secrets and would go into a release. */
  secretFiles: readonly string[];
  /** Of the project's .everspotignore. */
  ignored: string | undefined;
  /** What was seen when the proposal was tried. */
  trial?: Trial | undefined;
}

export interface Trial {
  /** A path that answered 200. */
  health: string | undefined;
  /** Whether SQLite does for what wants a database server. */
  sqlite: boolean;
  /** Settings that name what the project writes among its own files. */
  moved: readonly PathSetting[];
}

export interface ProposedFile {
  /** Relative to the folder of everspot.toml. */
  path: string;
  text: string;
  why: string;
}

export interface Proposal {
  draft: Draft;
  files: ProposedFile[];
  /** Variables that someone must give a value, secret or not. */
  wanted: { name: string; secret: boolean; where: string | undefined }[];
}

export function propose(situation: Situation): Proposal {
  const { learnt, site, region, domain, os, trial } = situation;
  const { layout, facts } = learnt;
  const files = new Set(layout.files.map((f) => f.path));
  const served = staticOf(facts, files);
  const needs = needsOf(situation, served);
  const own = learnt.settings;
  const writes = own !== undefined && own !== SETTINGS_MODULE && needsAny(needs);
  const settings = writes ? SETTINGS_MODULE : own;
  const asgi = asgiOf(learnt, files);
  const wsgi = asgi === undefined ? wsgiOf(learnt, files) : undefined;
  const random = randomSecrets(learnt, needs);
  const env = environment(situation, settings);
  const packages = [
    ...systemPackagesFor(situation.packages.map((p) => p.split(" ")[0] ?? "")),
    ...(facts !== undefined && needsGdal(facts) ? GDAL_PACKAGES : []),
  ];
  const steps = beforeStart(learnt, files, served);
  const state = stateOf(situation, needs, served);
  const image = {
    ...(os === "debian-12" ? { os } : {}),
    ...(packages.length > 0 ? { packages } : {}),
  };
  const draft: Draft = {
    ...{ site, region, domain },
    app: {
      ...(layout.root === "" ? {} : { root: layout.root }),
      ...(asgi === undefined ? { wsgi: wsgi ?? `${WSGI_MODULE}:application` } : { asgi }),
      health: trial?.health ?? guessedHealth(facts),
      ...(served === undefined ? {} : { static: { url: served.url, folder: served.folder } }),
      ...(steps.length > 0 ? { before_start: steps } : {}),
      ...(random.length > 0 ? { random_secrets: random } : {}),
      ...(Object.keys(env).length > 0 ? { env } : {}),
    },
    ...(state === undefined ? {} : { state }),
    ...(Object.keys(image).length > 0 ? { image } : {}),
    ...(situation.without.length > 0 ? { release: { without: [...situation.without] } } : {}),
  };
  const inRoot = (name: string): string => (layout.root === "" ? name : `${layout.root}/${name}`);
  const given = new Set([...random, ...Object.keys(env)]);
  return {
    draft,
    files: [
      { path: "everspot.toml", text: configFile(draft), why: "the site" },
      ...(writes && own !== undefined
        ? [
            {
              path: inRoot(`${SETTINGS_MODULE}.py`),
              text: settingsFile(own, needs),
              why: "what the site needs of the settings",
            },
          ]
        : []),
      ...(asgi === undefined && wsgi === undefined && settings !== undefined
        ? [{ path: inRoot(`${WSGI_MODULE}.py`), text: wsgiFile(settings), why: "the application" }]
        : []),
      ...requirements(situation).map((text) => ({
        path: inRoot("requirements.txt"),
        text,
        why: "the packages of a release",
      })),
      ...ignores(situation).map((text) => ({
        path: inRoot(".everspotignore"),
        text,
        why: "what looks like a secret stays here",
      })),
    ].map((file) => ({ ...file, text: sealed(file.text) })),
    wanted: learnt.required
      .filter(({ name }) => !given.has(name))
      .map(({ name, where }) => ({ name, secret: isSecretName(name), where })),
  };
}

function needsOf({ learnt, packages, generatedBy, trial }: Situation, served: Served | undefined): Needs {
  const { facts } = learnt;
  const databases = Object.values(facts?.databases ?? {});
  const version = Number.parseInt(learnt.facts?.django ?? versionIn(packages) ?? generatedBy ?? "5", 10);
  const hosts = !(facts?.hosts ?? []).includes("*");
  const elsewhere = (path: string | null | undefined): boolean =>
    !(path ?? "").startsWith("$STATE_DIRECTORY");
  const uploads = facts?.mediaStorage == null || /FileSystemStorage$/.test(facts.mediaStorage);
  const media = facts?.mediaRoot != null && facts.mediaRoot !== "" && uploads && elsewhere(facts.mediaRoot);
  const proxyHeader = facts?.proxyHeader !== true;
  const logFiles = (facts?.logFiles ?? []).some(elsewhere);
  const moves = ({ setting }: PathSetting): boolean =>
    !(media && setting === "MEDIA_ROOT") && !(logFiles && setting.startsWith("LOGGING["));
  return {
    debugOff: facts?.debug !== false,
    hosts,
    origins: version >= 4 && (hosts || proxyHeader),
    proxyHeader,
    secretKey: secretVariable(learnt) === undefined ? "SECRET_KEY" : undefined,
    database:
      databases.some((d) => isSqlite(d.engine) && (inMemory(d) || elsewhere(d.name))) ||
      trial?.sqlite === true,
    media,
    staticRoot: served?.set === true ? served.folder : undefined,
    logFiles,
    moved: (trial?.moved ?? []).filter(moves),
    logging: facts?.logs !== true && (learnt.asked || !learnt.read.unknown.includes("LOGGING")),
  };
}

const IN_APP_FOLDER = "$STATE_DIRECTORY/";

/** What outlives the instance: each SQLite database, where the settings have it then, and uploads beside one. */
function stateOf(
  { learnt: { facts, wsgi, settings }, trial }: Situation,
  needs: Needs,
  served: Served | undefined,
): Draft["state"] {
  const found = Object.entries(facts?.databases ?? {}).flatMap(([alias, database]) => {
    if (!isSqlite(database.engine)) return [];
    if (!needs.database) return database.name ?? [];
    // As everspot_settings.py has it.
    const name = inMemory(database) ? `${alias}.sqlite3` : (database.name?.split("/").at(-1) ?? "");
    return IN_APP_FOLDER + name;
  });
  const all = trial?.sqlite === true ? [`${IN_APP_FOLDER}db.sqlite3`] : found;
  const databases = [...new Set(all)].filter((name) => /^\$STATE_DIRECTORY\/[\w.-]+$/.test(name));
  const [only] = databases;
  if (only === undefined || databases.length !== new Set(all).size) return undefined;
  const root = facts?.mediaRoot ?? "";
  // What everspot.toml cannot have beside it (config/rules.ts).
  const isTaken = (folder: string): boolean => {
    const name = folder.slice(IN_APP_FOLDER.length);
    const modules = [wsgi, settings].map((module) => module?.split(/[.:]/)[0]);
    return (
      served?.url.startsWith("/media/") === true ||
      served?.folder.split("/")[0] === name ||
      modules.includes(name)
    );
  };
  const media = needs.media
    ? `${IN_APP_FOLDER}media`
    : /^\$STATE_DIRECTORY\/[\w.-]+$/.test(root)
      ? root
      : undefined;
  return {
    database: databases.length === 1 ? only : databases,
    ...(media === undefined || isTaken(media) ? {} : { media }),
  };
}

const versionIn = (packages: readonly string[]): string | undefined =>
  packages.map((p) => /^django (\d.*)$/i.exec(p)?.[1]).find((v) => v !== undefined);

/** The variable from which the project takes its key by itself. */
function secretVariable({ facts, variables, asked }: Learnt): string | undefined {
  if (facts === undefined) return undefined;
  if (facts.secret.kind === "variable") return facts.secret.variable;
  if (asked || facts.secret.kind === "own") return undefined;
  return variables.find(
    (name) =>
      /^(DJANGO_)?SECRET(_KEY)?$|_SECRET_KEY$/.test(name) && !/^AWS_|STRIPE|TURNSTILE|CAPTCHA/.test(name),
  );
}

function randomSecrets(learnt: Learnt, needs: Needs): string[] {
  const key = needs.secretKey ?? secretVariable(learnt);
  const salts = learnt.required.map((v) => v.name).filter((name) => /SALT/.test(name));
  // Settings that insist on a key of their own get one, though another is in force.
  const insisted = learnt.required.map((v) => v.name).filter((name) => /^(DJANGO_)?SECRET_KEY$/.test(name));
  return [...new Set([...(key === undefined ? [] : [key]), ...insisted, ...salts])];
}

/** What of the environment can be said without asking anyone. */
function environment(
  { learnt, domain, trial }: Situation,
  settings: string | undefined,
): Record<string, string> {
  const { facts, variables, required } = learnt;
  const env: Record<string, string> = {};
  if (settings !== undefined) env.DJANGO_SETTINGS_MODULE = settings;
  const debug = variables.find((name) => /^(DJANGO_)?DEBUG$/.test(name));
  if (facts?.debug === true && debug !== undefined) env[debug] = "False";
  if (settings === undefined) {
    const hosts = variables.find((name) => /ALLOWED_HOSTS$/.test(name));
    if (hosts !== undefined) env[hosts] = domain;
  }
  const url = databaseVariable(learnt);
  const insisted = required.some((v) => v.name === url);
  if (url !== undefined && (insisted || trial?.sqlite === true))
    env[url] = "sqlite:///$STATE_DIRECTORY/db.sqlite3";
  return env;
}

export const databaseVariable = ({ variables }: Learnt): string | undefined =>
  ["DATABASE_URL", "DB_URL", "DJANGO_DATABASE_URL"].find((name) => variables.includes(name));

/** Whether it asks for a server where there will be none, and could be told otherwise. */
export const mightDoWithSqlite = (learnt: Learnt): boolean =>
  databaseVariable(learnt) !== undefined &&
  Object.values(learnt.facts?.databases ?? {}).some((d) => serverOf(d) !== undefined && isNear(d));

interface Served {
  url: string;
  folder: string;
  /** Whether STATIC_ROOT must be set to it. */
  set: boolean;
  /** Whether the release has them already, collected. */
  collected: boolean;
}

const FOLDER = "staticfiles";

function staticOf(facts: Facts | undefined, files: ReadonlySet<string>): Served | undefined {
  if (facts === undefined || !facts.apps.includes("django.contrib.staticfiles")) return undefined;
  const said = facts.staticUrl ?? "static/";
  if (/^(https?:)?\/\//.test(said)) return undefined;
  const url = `/${said}/`.replaceAll(/\/+/g, "/");
  if (url === "/") return undefined;
  const root = facts.staticRoot;
  const inside =
    root != null &&
    root !== "" &&
    root !== "." &&
    !root.startsWith("/") &&
    !root.startsWith("$") &&
    !root.startsWith("..");
  const collected = inside && files.has(`${root}/staticfiles.json`);
  // What nginx serves everyone can read.
  const sources = inside && [...files].some((f) => f.startsWith(`${root}/`) && f.endsWith(".py"));
  if (inside && (collected || !sources)) return { url, folder: root, set: false, collected };
  return { url, folder: FOLDER, set: true, collected: false };
}

/** migrate before collectstatic: either may import what the other makes. */
function beforeStart(
  { facts, layout, read, settings }: Learnt,
  files: ReadonlySet<string>,
  served: Served | undefined,
): string[] {
  const manage = files.has("manage.py") && read.entries["manage.py"]?.overrules !== true;
  const script = manage
    ? "manage.py"
    : settings === undefined
      ? scriptOf(layout.files.map((f) => f.path))
      : undefined;
  const command = (words: string): string => `python3 ${script ?? "-m django"} ${words}`;
  const databases = Object.values(facts?.databases ?? {}).filter(isReal);
  return [
    ...(databases.length > 0 && !(settings === undefined && script === undefined)
      ? [command("migrate --noinput")]
      : []),
    ...(facts?.caches.some((c) => /DatabaseCache$/.test(c ?? "")) === true
      ? [command("createcachetable")]
      : []),
    ...(served !== undefined && !served.collected ? [command("collectstatic --noinput")] : []),
  ];
}

/** A script of a project in one file that is its own manage.py. */
const scriptOf = (files: readonly string[]): string | undefined => files.find((f) => f === "app.py");

function wsgiOf({ wsgi, read }: Learnt, files: ReadonlySet<string>): string | undefined {
  if (wsgi === undefined) return undefined;
  const file = fileOf(wsgi.split(":")[0] ?? "", files);
  return file !== undefined && read.entries[file]?.overrules === true ? undefined : wsgi;
}

/** Where WebSockets are used, or nothing else is named. */
function asgiOf({ facts, read }: Learnt, files: ReadonlySet<string>): string | undefined {
  const [, module, callable] = /^(.+)\.(\w+)$/.exec(facts?.asgi ?? "") ?? [];
  const file = module === undefined ? undefined : fileOf(module, files);
  if (file === undefined || read.entries[file]?.overrules === true) return undefined;
  const wanted = facts?.wsgi == null || facts.apps.some((app) => app === "channels" || app === "daphne");
  return wanted ? `${module}:${callable}` : undefined;
}

/** Where the project could not be tried: what most projects have. */
function guessedHealth(facts: Facts | undefined): string {
  if (facts?.login?.startsWith("/") === true && facts.login !== "/accounts/login/") return facts.login;
  return facts?.apps.some((app) => /(^|\.)admin(\.|$)/.test(app)) === true ? "/admin/login/" : "/";
}

/** Paths of which one may answer 200, the best first. */
export function healthPaths(facts: Facts | undefined): string[] {
  const login = facts?.login?.startsWith("/") === true ? [facts.login] : [];
  const health = [
    "/healthz",
    "/healthz/",
    "/health",
    "/health/",
    "/healthcheck",
    "/healthcheck/",
    "/up",
    "/up/",
    "/ping",
    "/ping/",
    "/ht/",
  ];
  return [NO_SUCH_PAGE, ...health, "/", ...login, "/login/", "/accounts/login/", "/admin/login/"];
}

/** What answers 200 here does so everywhere. */
export const NO_SUCH_PAGE = "/everspot-no-such-page";

/** The text of a requirements.txt, where nothing says what the project needs. */
function requirements({ declared, packages, generatedBy, learnt }: Situation): string[] {
  if (declared !== undefined) return [];
  // This computer's Django need not be the project's.
  const theirs = learnt.started?.interpreter.ofProject === false;
  const found = learnt.facts?.django ?? undefined;
  const django = theirs ? (generatedBy ?? found) : (found ?? generatedBy);
  const others = packages.filter((p) => !/^(gunicorn|django) /i.test(p)).map(compatible);
  const lines = [django === undefined ? "Django" : compatible(`Django ${django}`), ...others];
  return [
    ["# Written by `everspot init`: what a release brings along.", ...lines, "gunicorn", ""].join("\n"),
  ];
}

/** "Django 5.2.1" as what stays compatible with it: "Django~=5.2.1". */
const compatible = (name: string): string => {
  const [, project = name, version] = /^(\S+) (\d+\.\d+(?:\.\d+)?)$/.exec(name) ?? [];
  return version === undefined
    ? name.replace(" ", "==")
    : `${project}~=${version.split(".").length === 2 ? `${version}.0` : version}`;
};

function ignores({ secretFiles, ignored }: Situation): string[] {
  if (secretFiles.length === 0) return [];
  const had = ignored ?? "";
  const lines = secretFiles.map((file) => `/${file.replaceAll(/([\\*?[\]!# ])/g, "\\$1")}`);
  const before = had === "" || had.endsWith("\n") ? had : `${had}\n`;
  return [
    `${before}# Not in a release: the app gets its secrets by \`everspot secret set\`.\n${lines.join("\n")}\n`,
  ];
}
