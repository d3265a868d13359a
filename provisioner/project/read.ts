/** Reads a project's sources without running them: by Python's own parser where there is a Python, else as text. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import * as z from "zod/mini";
import { inPackage } from "../archive/package.ts";
import type { ProjectFile } from "../release/project.ts";
import type { Facts, Variable } from "./facts.ts";
import { systemPythons } from "./interpreters.ts";

const entrySchema = z.object({
  settings: z.nullable(z.string()),
  /** Whether it overrules the environment's DJANGO_SETTINGS_MODULE. */
  overrules: z.boolean(),
  /** Names of WSGI or ASGI applications in it. */
  application: z.array(z.string()),
});
export type Entry = z.output<typeof entrySchema>;

const readingSchema = z.object({
  entries: z.record(z.string(), entrySchema),
  settings: z.nullable(
    z.object({
      file: z.string(),
      values: z.record(z.string(), z.unknown()),
      unknown: z.array(z.string()),
      secret: z.enum(["own", "empty", "unknown"]),
      variables: z.record(z.string(), z.object({ required: z.boolean(), where: z.string() })),
      places: z.record(z.string(), z.string()),
    }),
  ),
});
type Reading = z.output<typeof readingSchema>;

export interface Read {
  by: "parser" | "text";
  entries: Record<string, Entry>;
  facts: Facts | undefined;
  /** Settings of which only running would tell the value. */
  unknown: readonly string[];
  /** Those that are needed whatever the conditions around them. */
  required: Variable[];
  /** All that are looked for. */
  variables: string[];
  /** "file:line" where settings are made. */
  places: Record<string, string>;
}

/** @param settings the module to read; undefined reads the entry points alone. */
export async function readProject(
  folder: string,
  files: readonly ProjectFile[],
  settings: string | undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<Read> {
  const reading = await byParser(folder, files, settings, env);
  if (reading === undefined) return byText(files, settings);
  const { entries, settings: found } = reading;
  if (found === null)
    return { by: "parser", entries, facts: undefined, unknown: [], required: [], variables: [], places: {} };
  return {
    by: "parser",
    entries,
    facts: factsOf(found.values, found.secret, settings),
    unknown: found.unknown,
    required: Object.entries(found.variables)
      .filter(([, { required }]) => required)
      .map(([name, { where }]) => ({ name, where })),
    variables: Object.keys(found.variables),
    places: found.places,
  };
}

async function byParser(
  folder: string,
  files: readonly ProjectFile[],
  settings: string | undefined,
  env: Readonly<Record<string, string>>,
): Promise<Reading | undefined> {
  const work = await mkdtemp(path.join(tmpdir(), "everspot-read-"));
  try {
    const question = path.join(work, "request.json");
    const python = files.map((f) => f.path).filter((name) => name.endsWith(".py"));
    await writeFile(question, JSON.stringify({ folder, files: python, settings: settings ?? null, env }));
    for (const { command } of systemPythons) {
      const said = await execa(
        command,
        ["-I", "-S", inPackage("provisioner/project/python/read.py"), question],
        {
          ...{ reject: false, timeout: 60_000, stdin: "ignore" },
        },
      );
      if (!said.failed) return readingSchema.parse(JSON.parse(said.stdout));
    }
    return undefined;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Values as read.py gives them; what it does not know is null. */
function factsOf(
  values: Record<string, unknown>,
  secret: "own" | "empty" | "unknown",
  settings: string | undefined,
): Facts {
  const one = (name: string): string | undefined => text(values[name]);
  const store = (alias: string, old: string): string | undefined =>
    text(record(record(values.STORAGES)[alias]).BACKEND) ?? one(old);
  return {
    module: settings,
    debug: typeof values.DEBUG === "boolean" ? values.DEBUG : undefined,
    hosts: Array.isArray(values.ALLOWED_HOSTS) ? texts(values.ALLOWED_HOSTS) : undefined,
    proxyHeader: Array.isArray(values.SECURE_PROXY_SSL_HEADER),
    secret: { kind: secret },
    databases: Object.fromEntries(
      Object.entries(record(values.DATABASES)).map(([alias, database]) => {
        const { ENGINE, NAME, HOST } = record(database);
        return [alias, { engine: text(ENGINE), name: text(NAME), host: text(HOST) }];
      }),
    ),
    apps: texts(values.INSTALLED_APPS),
    middleware: texts(values.MIDDLEWARE),
    wsgi: one("WSGI_APPLICATION"),
    asgi: one("ASGI_APPLICATION"),
    urls: one("ROOT_URLCONF"),
    login: one("LOGIN_URL"),
    timeZone: one("TIME_ZONE"),
    staticUrl: one("STATIC_URL"),
    staticRoot: one("STATIC_ROOT"),
    staticStorage: store("staticfiles", "STATICFILES_STORAGE"),
    mediaUrl: one("MEDIA_URL"),
    mediaRoot: one("MEDIA_ROOT"),
    mediaStorage: store("default", "DEFAULT_FILE_STORAGE"),
    logFiles: Object.values(record(record(values.LOGGING).handlers)).flatMap(
      (handler) => text(record(handler).filename) ?? [],
    ),
    logs: Object.keys(record(values.LOGGING)).length > 0,
    caches: Object.values(record(values.CACHES)).map((cache) => text(record(cache).BACKEND)),
  };
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];

/** Where not even a Python is at hand: what stands in plain words. */
async function byText(files: readonly ProjectFile[], settings: string | undefined): Promise<Read> {
  const entries: Record<string, Entry> = {};
  for (const file of files) {
    if (!/(^|\/)(manage|wsgi|asgi)\.py$/.test(file.path)) continue;
    const source = await readFile(file.source, "utf8");
    const chosen = /DJANGO_SETTINGS_MODULE["']\s*(?:,|\]\s*=)\s*["']([\w.]+)["']/.exec(source)?.[1] ?? null;
    const application = [...source.matchAll(/^(\w+)\s*=\s*get_[aw]sgi_application/gm)].map((m) => m[1] ?? "");
    entries[file.path] = {
      settings: chosen,
      overrules: /environ\[["']DJANGO_SETTINGS_MODULE/.test(source),
      application,
    };
  }
  const names =
    settings === undefined
      ? []
      : [`${settings.replaceAll(".", "/")}.py`, `${settings.replaceAll(".", "/")}/__init__.py`];
  const file = files.find((f) => names.includes(f.path));
  const source = file === undefined ? "" : await readFile(file.source, "utf8");
  const assigned = (name: string): string | undefined =>
    new RegExp(`^${name}\\s*=\\s*["']([^"'\\n]*)["']`, "m").exec(source)?.[1];
  const quoted = (name: string): string[] => {
    const list = new RegExp(`^${name}\\s*=\\s*[[(]([\\s\\S]*?)^[\\])]`, "m").exec(source)?.[1] ?? "";
    return [...list.matchAll(/^\s*["']([^"'\n]+)["']/gm)].map((m) => m[1] ?? "");
  };
  const debug = /^DEBUG\s*=\s*(True|False)/m.exec(source)?.[1];
  const engine = /["']ENGINE["']\s*:\s*["']([\w.]+)["']/.exec(source)?.[1];
  const values = {
    ...Object.fromEntries(
      [
        "WSGI_APPLICATION",
        "ASGI_APPLICATION",
        "ROOT_URLCONF",
        "STATIC_URL",
        "MEDIA_URL",
        "LOGIN_URL",
        "TIME_ZONE",
      ].map((n) => [n, assigned(n)]),
    ),
    INSTALLED_APPS: quoted("INSTALLED_APPS"),
    MIDDLEWARE: quoted("MIDDLEWARE"),
    ...(debug === undefined ? {} : { DEBUG: debug === "True" }),
    ...(engine === undefined ? {} : { DATABASES: { default: { ENGINE: engine } } }),
  };
  return {
    by: "text",
    entries,
    facts:
      file === undefined
        ? undefined
        : factsOf(values, assigned("SECRET_KEY") === undefined ? "unknown" : "own", settings),
    unknown: ["ALLOWED_HOSTS", "STATIC_ROOT", "DATABASES"],
    required: [...source.matchAll(/os\.environ\[["'](\w+)["']\](?!\s*=)/g)].map((m) => ({
      name: m[1] ?? "",
    })),
    variables: [...source.matchAll(/environ(?:\.get\(|\[)["'](\w+)["']/g)].map((m) => m[1] ?? ""),
    places: {},
  };
}
