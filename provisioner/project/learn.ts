/** What can be learnt of a project: by starting it where that is possible, by reading it where not. */
import { normalize } from "node:path/posix";
import { hasPackages, type Started, start } from "./ask.ts";
import { isSqlite } from "./databases.ts";
import type { Facts, Failure, Variable } from "./facts.ts";
import { type Interpreter, ownPythons, systemPythons } from "./interpreters.ts";
import type { Layout } from "./layout.ts";
import { type Read, readProject } from "./read.ts";
import { refined } from "./secret-key.ts";
import { moduleOf, settingsModules } from "./settings-modules.ts";
import type { Request, Workspace } from "./workspace.ts";
import { type Write, writesOf } from "./writes.ts";

export interface Learnt {
  layout: Layout;
  /** "asked Django 5.2.1 with the project's .venv", "read the sources, for …". */
  how: string;
  asked: boolean;
  facts: Facts | undefined;
  /** The settings module, where there is one. */
  settings: string | undefined;
  /** The project's own, as gunicorn takes it; undefined where it has none. */
  wsgi: string | undefined;
  /** Variables that it cannot do without. */
  required: Variable[];
  /** Variables that it looks for. */
  variables: readonly string[];
  /** Why it does not start though all its packages are there. */
  failure: Failure | undefined;
  started: Started | undefined;
  /** What it wrote among its own files as it was started and tried. */
  writes: readonly Write[];
  /** Whether it starts where it cannot: undefined where it wrote nothing, or this computer cannot keep it from writing. */
  startsSealed: boolean | undefined;
  read: Read;
}

export interface Known {
  /** `[app.env]`, with what instances add. */
  env: Readonly<Record<string, string>>;
  /** Names of variables that have values which are not known here. */
  secrets: readonly string[];
  settings?: string | undefined;
  wsgi?: string | undefined;
  /** Whether its packages are declared: this computer's Django may be another than the project's. */
  packedFirst: boolean;
  /** The folders that nginx serves. */
  served?: readonly string[] | undefined;
  /** What is done besides, once the project starts, in a run each. */
  further: readonly Further[];
}

export interface Further extends Pick<Request, "do" | "visit" | "plain" | "sealed"> {
  /** At most. */
  seconds: number;
}

/** Seconds that starting the project may take in all. */
const PATIENCE = 120;

/**
 * @param packed a Python with the packages of a release; undefined where this computer has none of the right version, or
 * they cannot be had.
 */
export async function learn(
  layout: Layout,
  workspace: Workspace,
  known: Known,
  packed: () => Promise<Interpreter | undefined>,
  env: NodeJS.ProcessEnv,
): Promise<Learnt> {
  const names = layout.files.map((f) => f.path);
  const entries = (await readProject(workspace.copy, layout.files, undefined)).entries;
  const candidates = known.settings === undefined ? settingsModules(names, entries) : [known.settings];
  const modules = new Set(names.map((name) => name.split("/")[0]?.replace(/\.py$/, "") ?? ""));
  const applications = wsgiApps(layout, entries);
  const wsgi = known.wsgi ?? applications[0];
  const tries = candidates.length > 0 ? candidates : wsgi === undefined ? [] : [undefined];

  let best: (Tried & { started: Started }) | undefined;
  for await (const interpreter of pythons(layout, known.packedFirst, packed, env)) {
    for (const settings of tries) {
      const until = Date.now() + PATIENCE * 1000;
      const request = {
        settings,
        wsgi: settings === undefined ? wsgi : undefined,
        env: known.env,
        secrets: known.secrets,
      };
      const started = await start(workspace, interpreter, request, until);
      if (started === undefined || !hasPackages(started, modules)) continue;
      best ??= { settings, started };
      if (started.failure === undefined && isWhole({ settings, started })) {
        best = { settings, started };
        break;
      }
    }
    if (best !== undefined && suffices(best)) break;
  }
  if (best !== undefined && best.started.failure === undefined && known.further.length > 0) {
    best = { settings: best.settings, started: await further(best, workspace, { ...known, wsgi }) };
  }
  const options = best === undefined ? candidates : [best.settings];
  const environment = { STATE_DIRECTORY: workspace.state, ...known.env };
  const { settings, read } = await chosen(layout, workspace, options, environment);
  const started = best?.started;
  const said = started?.answer.facts;
  const places = [
    [workspace.copy, ""],
    [workspace.state, "$STATE_DIRECTORY/"],
  ] as const;
  const asked = said !== undefined;
  const facts = said === undefined ? read.facts && placed(read.facts, places) : placed(said, places);
  const written = facts === undefined || started === undefined ? [] : await workspace.written();
  const writes = writesOf(written, started?.answer ?? {}, facts ?? { databases: {} }, names, known.served);
  return {
    ...{ layout, asked, settings, read, started, writes },
    startsSealed:
      writes.length > 0 && started !== undefined
        ? await startsSealed(started, workspace, { ...known, settings, wsgi })
        : undefined,
    how: howOf(started, read),
    facts:
      facts === undefined
        ? undefined
        : await refined(facts, started, workspace, { ...known, settings, wsgi }),
    wsgi: wsgiOf(facts, new Set(names), applications) ?? known.wsgi,
    required: asked || started?.failure !== undefined ? (started?.required ?? []) : read.required,
    variables: [...new Set([...(started?.answer.reads.map(([name]) => name) ?? []), ...read.variables])],
    failure: started?.failure,
  };
}

interface Tried {
  settings: string | undefined;
  started: Pick<Started, "failure" | "answer">;
}

/**
 * Whether no other Python need be tried. An empty module, as a folder of settings has one, starts with any Django: what
 * the modules in it say, a Python with more packages may know.
 */
export const suffices = (tried: Tried): boolean => tried.started.failure !== undefined || isWhole(tried);

/** Settings that say nothing of URLs are another module's ground. */
const isWhole = ({ settings, started }: Tried): boolean =>
  settings === undefined || started.answer.facts?.urls != null;

/** One further run after the other, their answers laid together: the later ones count. */
async function further(
  { settings, started }: { settings: string | undefined; started: Started },
  workspace: Workspace,
  known: Known,
): Promise<Started> {
  const { standIns } = started;
  let { answer } = started;
  for (const { seconds, ...run } of known.further) {
    const request = {
      ...{ settings, wsgi: settings === undefined ? known.wsgi : undefined },
      ...{ env: { ...standIns, ...known.env }, given: Object.keys(standIns) },
      ...run,
    };
    const next = await workspace.ask(started.interpreter, request, seconds);
    if (next?.facts === undefined) continue;
    answer = {
      ...answer,
      ...next,
      done: [...answer.done, ...next.done],
      errors: { ...answer.errors, ...next.errors },
      visits: { ...answer.visits, ...next.visits },
    };
  }
  return { ...started, answer };
}

async function startsSealed(
  { interpreter, standIns, failure }: Started,
  workspace: Workspace,
  { settings, wsgi, env }: Known,
): Promise<boolean | undefined> {
  if (failure !== undefined || !(await workspace.seals())) return undefined;
  const request = {
    ...{ settings, wsgi: settings === undefined ? wsgi : undefined, do: [], sealed: true },
    ...{ env: { ...standIns, ...env }, given: Object.keys(standIns) },
  };
  const answer = await workspace.ask(interpreter, request, 60);
  return answer?.done.includes("load");
}

/** The first of these that says where the URLs are, read. */
async function chosen(
  layout: Layout,
  workspace: Workspace,
  candidates: readonly (string | undefined)[],
  env: Known["env"],
) {
  let first: { settings: string | undefined; read: Read } | undefined;
  for (const settings of candidates.length === 0 ? [undefined] : candidates) {
    const read = await readProject(workspace.copy, layout.files, settings, env);
    first ??= { settings, read };
    if (read.facts?.urls != null) return { settings, read };
  }
  return first as NonNullable<typeof first>;
}

/** @param packedFirst whether the packages of a release are nearer to the instance's than this computer's. */
async function* pythons(
  { folder, top }: Layout,
  packedFirst: boolean,
  packed: () => Promise<Interpreter | undefined>,
  env: NodeJS.ProcessEnv,
): AsyncGenerator<Interpreter> {
  yield* ownPythons([folder, top], env);
  if (!packedFirst) yield* systemPythons;
  const made = await packed();
  if (made !== undefined) yield made;
  if (packedFirst) yield* systemPythons;
}

function howOf(started: Started | undefined, read: Read): string {
  if (started?.answer.facts !== undefined) {
    return `asked Django ${started.answer.django} with ${started.interpreter.label}`;
  }
  const by = read.by === "parser" ? "read the sources by Python's parser" : "read the sources as text";
  const why =
    started === undefined ? "no Python here has the project's packages" : "the project does not start";
  return `${by}, for ${why}`;
}

/** With paths below these folders written relative to them. */
function placed(facts: Facts, folders: readonly (readonly [string, string])[]): Facts {
  const place = <T extends string | null | undefined>(path: T): T | string => {
    if (typeof path !== "string" || path === "") return path;
    const plain = normalize(path).replace(/\/$/, "");
    for (const [folder, instead] of folders) {
      if (plain === folder) return instead === "" ? "." : instead;
      if (plain.startsWith(`${folder}/`)) return instead + plain.slice(folder.length + 1);
    }
    return path;
  };
  return {
    ...facts,
    databases: Object.fromEntries(
      Object.entries(facts.databases).map(([alias, d]) => [
        alias,
        { ...d, name: isSqlite(d.engine) ? place(d.name) : d.name },
      ]),
    ),
    staticRoot: place(facts.staticRoot),
    mediaRoot: place(facts.mediaRoot),
    logFiles: facts.logFiles.map(place),
  };
}

/** Applications of the project that gunicorn could run, the likeliest first. */
function wsgiApps(layout: Layout, entries: Read["entries"]): string[] {
  const names = new Set(layout.files.map((f) => f.path));
  const started = layout.started.filter((app) => isThere(app, names));
  const own = Object.entries(entries)
    .filter(([file]) => /(^|\/)(wsgi|app)\.py$/.test(file))
    .flatMap(([file, { application }]) => application.slice(0, 1).map((name) => `${moduleOf(file)}:${name}`));
  return [...new Set([...started, ...own])].filter((app) => !/asgi:/.test(app));
}

const isThere = (app: string, names: ReadonlySet<string>): boolean => {
  const path = app.split(":")[0]?.replaceAll(".", "/") ?? "";
  return names.has(`${path}.py`) || names.has(`${path}/__init__.py`);
};

function wsgiOf(
  facts: Facts | undefined,
  names: ReadonlySet<string>,
  others: readonly string[],
): string | undefined {
  const [, module, callable] = /^(.+)\.(\w+)$/.exec(facts?.wsgi ?? "") ?? [];
  const said = module === undefined ? undefined : `${module}:${callable}`;
  return said !== undefined && isThere(said, names) ? said : others[0];
}
