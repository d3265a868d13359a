import path from "node:path";
import type { TomlTable } from "smol-toml";
import * as z from "zod";
import { EverspotError } from "../../agent/site/errors.ts";
import { byText, fileName, type Lock, type Locked } from "./locked.ts";
import { tableAt } from "./read.ts";
import { uvNames } from "./registries.ts";
import { type EvaluateMarkers, leadingName, normalName } from "./requirement-lines.ts";

const dependency = z.object({
  name: z.string(),
  version: z.string().optional(),
  marker: z.string().optional(),
  extra: z.array(z.string()).optional(),
});
type Dependency = z.infer<typeof dependency>;

const file = z.object({
  hash: z.string().optional(),
  url: z.string().optional(),
  path: z.string().optional(),
  filename: z.string().optional(),
});
const lockPackage = z.object({
  name: z.string(),
  version: z.string().optional(),
  source: z.record(z.string(), z.string()),
  dependencies: z.array(dependency).default([]),
  "optional-dependencies": z.record(z.string(), z.array(dependency)).default({}),
  sdist: file.optional(),
  wheels: z.array(file).default([]),
});
type LockPackage = z.infer<typeof lockPackage>;

/** The parts of uv.lock in use; versions differ in what they add. */
const uvLock = z.object({
  version: z.literal(1),
  "requires-python": z.string().optional(),
  package: z.array(lockPackage).default([]),
});

/**
 * Requirement lines, pinned and with hashes, for what the project needs on the instance: everything reachable from
 * the project itself without extras or development groups, along edges whose markers hold.
 * @param member of a workspace: the project's folder as the lock has it, e.g. "packages/site"; "." for the root.
 * @throws EverspotError when the lock is older than pyproject.toml or of an unknown form.
 */
export async function uvRequirements(
  lock: TomlTable,
  project: TomlTable,
  evaluate: EvaluateMarkers,
  member = ".",
): Promise<Lock> {
  const parsed = uvLock.safeParse(lock);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EverspotError(`uv.lock cannot be read: ${issue?.path.join(".")} ${issue?.message}`, {
      hint: "export it: uv export --no-dev --format requirements-txt -o requirements.txt",
    });
  }
  const packages = parsed.data.package;
  const root = findRoot(packages, project, member);
  const names = uvNames(project);
  checkFresh(root, project);

  const every = packages.flatMap((p) =>
    [p.dependencies, ...Object.values(p["optional-dependencies"])].flat(),
  );
  const holds = await evaluate(every.flatMap((d) => d.marker ?? []));
  const found = new Map<LockPackage, Locked>();
  const seen = new Set<string>();
  const visit = (dependencies: readonly Dependency[]) => {
    for (const d of dependencies) {
      if (d.marker !== undefined && holds.get(d.marker) !== true) continue;
      const p = packages.find(
        (p) => p.name === d.name && (d.version === undefined || p.version === d.version),
      );
      if (p === undefined) throw new EverspotError(`uv.lock names ${d.name}, but does not describe it`);
      if (p === root) continue;
      if (!found.has(p)) {
        found.set(p, requirement(p, names));
        visit(p.dependencies);
      }
      for (const extra of d.extra ?? []) {
        const key = `${p.name} ${p.version} ${extra}`;
        if (seen.has(key)) continue;
        seen.add(key);
        visit(p["optional-dependencies"][extra] ?? []);
      }
    }
  };
  visit(root.dependencies);
  return { packages: [...found.values()].sort(byText), python: parsed.data["requires-python"] };
}

/** Whether a lock of a workspace describes the member in this folder. */
export const hasMember = (lock: TomlTable, member: string): boolean => {
  const parsed = uvLock.safeParse(lock);
  return parsed.success && parsed.data.package.some((p) => isAt(p, member));
};

const isAt = ({ source }: LockPackage, folder: string): boolean =>
  [source.virtual, source.editable, source.directory].some(
    (at) => at !== undefined && path.posix.normalize(at).replace(/\/$/, "") === folder,
  );

function projectName(project: TomlTable): string {
  const { name } = tableAt(project, "project");
  return normalName(typeof name === "string" ? name : "");
}

function findRoot(packages: readonly LockPackage[], project: TomlTable, member: string): LockPackage {
  const here = packages.find((p) => isAt(p, member));
  const root = member === "." ? (packages.find((p) => p.name === projectName(project)) ?? here) : here;
  if (root !== undefined) return root;
  throw new EverspotError("uv.lock does not describe the project of this folder", { hint: "run `uv lock`" });
}

function checkFresh(root: LockPackage, project: TomlTable): void {
  const declared = tableAt(project, "project").dependencies;
  const locked = new Set(root.dependencies.map((d) => d.name));
  const missing = (Array.isArray(declared) ? declared : [])
    .map((line) => leadingName(String(line)))
    .filter((name) => !locked.has(name));
  if (missing.length === 0) return;
  throw new EverspotError(`uv.lock is older than pyproject.toml: it lacks ${missing.join(", ")}`, {
    hint: "run `uv lock`",
  });
}

function requirement(p: LockPackage, names: ReadonlyMap<string, string>): Locked {
  const hashes = [p.sdist?.hash, ...p.wheels.map((w) => w.hash)]
    .filter((hash) => hash !== undefined)
    .map((hash) => ` --hash=${hash}`)
    .join("");
  const { source } = p;
  if (source.registry !== undefined) {
    const at = source.registry;
    return {
      text: `${p.name}==${p.version}${hashes}`,
      offered: offeredBy(p),
      registry: { at, name: names.get(at.replace(/\/$/, "")) },
    };
  }
  if (source.git !== undefined) {
    // "https://host/repository?rev=main&subdirectory=x#commit"
    const [address = "", commit = ""] = source.git.split("#");
    const folder = /[?&]subdirectory=([^&]+)/.exec(address)?.[1];
    return {
      text: `${p.name} @ git+${address.split("?")[0]}@${commit}${folder ? `#subdirectory=${decodeURIComponent(folder)}` : ""}`,
    };
  }
  if (source.url !== undefined) return { text: `${p.name} @ ${source.url}${hashes}` };
  const folder = source.path ?? source.directory ?? source.editable ?? source.virtual;
  if (folder === undefined) {
    throw new EverspotError(
      `uv.lock has ${p.name} from ${Object.keys(source).join(", ")}, a kind of source that is not supported`,
    );
  }
  return { text: path.isAbsolute(folder) ? folder : `./${folder}` };
}

/** Undefined where the lock names no files, as old ones may. */
function offeredBy({ wheels, sdist }: LockPackage): Locked["offered"] {
  if (wheels.length === 0 && sdist === undefined) return undefined;
  const files = wheels.map((w) => w.filename ?? fileName(w.url ?? w.path ?? ""));
  return { wheels: files, source: sdist !== undefined };
}
