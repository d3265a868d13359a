/** Which file says what a project depends on. Only looks. */
import { lstat, readdir } from "node:fs/promises";
import path from "node:path";
import { errorFinding, type Finding, warningFinding } from "../findings/finding.ts";
import { readText, readToml, tableAt } from "./read.ts";
import { hasMember } from "./uv-lock.ts";

export interface Declaration {
  /** "setup": setup.cfg or setup.py, which its build reads. */
  kind: "requirements" | "uv.lock" | "poetry.lock" | "Pipfile.lock" | "pyproject.toml" | "setup";
  file: string;
  /** Where its `pyproject.toml` lies, if it has one. */
  folder: string;
  /** For messages: its path from the packed folder. */
  from: string;
}

export interface Found {
  /** Undefined when nothing is declared, or nothing that can be read. */
  declaration: Declaration | undefined;
  findings: Finding[];
}

/** The first of `requirements.txt`, the locks and `pyproject.toml` in the folder; else what else there is. */
export async function findDeclaration(folder: string): Promise<Found> {
  const here = await declaredIn(folder);
  if (here !== undefined) return found(here, folder);
  const names = await namesOf(folder);
  const lists = await requirementLists(folder, names);
  const [chosen, another] = lists.filter((name) => PRODUCTION.test(name));
  if (chosen !== undefined && another === undefined) {
    return found({ kind: "requirements", file: path.join(folder, chosen), folder }, folder, [
      chosenBy(chosen, "to take another, write requirements.txt with one line: -r FILE"),
    ]);
  }
  const unread = unreadIn(folder, names);
  if (lists.length > 0 || unread.length > 0) {
    return { declaration: undefined, findings: [...choice(lists), ...unread] };
  }
  const above = await declaredAbove(folder);
  if (above === undefined) return { declaration: undefined, findings: [] };
  const from = path.relative(folder, above.file);
  return found(above, folder, [
    chosenBy(from, "if that is wrong, put a requirements.txt into the project's folder"),
  ]);
}

/** The folder of the repository that it is in; undefined outside of any. */
export async function repositoryTop(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = path.dirname(at)) {
    if (await lstat(path.join(at, ".git")).catch(() => undefined)) return at;
    if (at === path.dirname(at)) return undefined;
  }
}

type Place = Omit<Declaration, "from">;

const found = (place: Place, root: string, findings: Finding[] = []): Found => ({
  declaration: { ...place, from: path.relative(root, place.file) },
  findings,
});

const chosenBy = (from: string, hint: string): Finding =>
  warningFinding("packing.W030", `the dependencies are those of ${from}`, { hint });

async function declaredIn(folder: string): Promise<Place | undefined> {
  const names = new Set(await namesOf(folder));
  const place = (kind: Place["kind"], name: string): Place => ({
    kind,
    file: path.join(folder, name),
    folder,
  });
  if (names.has("requirements.txt")) return place("requirements", "requirements.txt");
  for (const lock of ["uv.lock", "poetry.lock"] as const) if (names.has(lock)) return place(lock, lock);
  if (names.has("pyproject.toml")) {
    const workspace = await workspaceLock(folder);
    if (workspace !== undefined) return { kind: "uv.lock", file: workspace, folder };
  }
  if (names.has("Pipfile.lock")) return place("Pipfile.lock", "Pipfile.lock");
  if (names.has("pyproject.toml") && (await projectDeclares(folder)))
    return place("pyproject.toml", "pyproject.toml");
  for (const setup of ["setup.cfg", "setup.py"]) {
    const text = names.has(setup) ? await readText(path.join(folder, setup)) : undefined;
    if (text !== undefined && /^[^#\n]*\binstall_requires\s*=/m.test(text)) return place("setup", setup);
  }
  return undefined;
}

/** uv keeps one lock for a whole workspace, in the folder of its root. */
async function workspaceLock(folder: string): Promise<string | undefined> {
  for (let at = path.dirname(folder); ; at = path.dirname(at)) {
    const file = path.join(at, "uv.lock");
    const lock = await readToml(file);
    if (lock !== undefined) {
      const member = path.relative(at, folder).split(path.sep).join("/");
      return hasMember(lock, member) ? file : undefined;
    }
    if (at === path.dirname(at) || (await lstat(path.join(at, ".git")).catch(() => undefined)))
      return undefined;
  }
}

async function projectDeclares(folder: string): Promise<boolean> {
  const project = await readToml(path.join(folder, "pyproject.toml"));
  const { dependencies, dynamic } = tableAt(project, "project");
  return (
    dependencies !== undefined ||
    (Array.isArray(dynamic) && dynamic.includes("dependencies")) ||
    tableAt(project, "tool", "poetry").dependencies !== undefined
  );
}

async function declaredAbove(folder: string): Promise<Place | undefined> {
  const top = await repositoryTop(folder);
  if (top === undefined) return undefined;
  for (let at = folder; at !== top; ) {
    at = path.dirname(at);
    const place = await declaredIn(at);
    if (place !== undefined && place.kind !== "setup") return place;
  }
  return undefined;
}

const namesOf = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

const LIST_FOLDERS = ["requirements", "reqs"];
/** "requirements-dev.txt", "prod_requirements.txt". */
const LIST = /^requirements[-_.].+\.txt$|^.+[-_.]requirements\.txt$/;
const PRODUCTION = /(^|[^a-z])(prod|production|live)([^a-z]|$)/i;

/** Lists of requirements under other names than the usual one. */
async function requirementLists(folder: string, names: readonly string[]): Promise<string[]> {
  const below = await Promise.all(
    LIST_FOLDERS.filter((f) => names.includes(f)).map(async (f) =>
      (await namesOf(path.join(folder, f)))
        .filter((name) => name.endsWith(".txt"))
        .map((name) => `${f}/${name}`),
    ),
  );
  return [...names.filter((name) => LIST.test(name)), ...below.flat()].sort();
}

function choice(lists: readonly string[]): Finding[] {
  if (lists.length === 0) return [];
  return [
    errorFinding("packing.E030", `there is no requirements.txt, but ${lists.join(", ")}`, {
      hint: `say which one the site needs: write requirements.txt with one line: -r ${lists.at(-1)}`,
    }),
  ];
}

/** Files that name dependencies in a form that is not read, and what makes them into one that is. */
const UNREAD: readonly [RegExp, string][] = [
  [/^Pipfile$/, "run `pipenv lock`, which writes Pipfile.lock"],
  [
    /^pylock(\..+)?\.toml$/,
    "write requirements.txt: uv export --no-dev --format requirements-txt -o requirements.txt",
  ],
  [/^pdm\.lock$/, "write requirements.txt: pdm export -o requirements.txt --prod"],
  [/^requirements\.in$/, "run `pip-compile`, which writes requirements.txt"],
  [/^environment\.ya?ml$/, "write what the site needs of it to requirements.txt"],
];

function unreadIn(folder: string, names: readonly string[]): Finding[] {
  return names.flatMap((name) => {
    const hint = UNREAD.find(([pattern]) => pattern.test(name))?.[1];
    if (hint === undefined) return [];
    return [
      errorFinding("packing.E031", `${name} names dependencies in a form that is not read`, {
        where: path.join(folder, name),
        hint,
      }),
    ];
  });
}
