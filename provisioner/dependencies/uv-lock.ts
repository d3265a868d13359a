import type { TomlTable } from "smol-toml";
import * as z from "zod";
import { EverspotError } from "../../agent/site/errors.ts";
import { type EvaluateMarkers, normalName } from "./requirement-lines.ts";

const dependency = z.object({
  name: z.string(),
  version: z.string().optional(),
  marker: z.string().optional(),
  extra: z.array(z.string()).optional(),
});
type Dependency = z.infer<typeof dependency>;

const file = z.object({ hash: z.string().optional() });
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
const uvLock = z.object({ version: z.literal(1), package: z.array(lockPackage).default([]) });

/**
 * Requirement lines, pinned and with hashes, for what the project needs on the instance: everything reachable from
 * the project itself without extras or development groups, along edges whose markers hold.
 * @throws EverspotError when the lock is older than pyproject.toml or of an unknown form.
 */
export async function uvRequirements(
  lock: TomlTable,
  project: TomlTable,
  evaluate: EvaluateMarkers,
): Promise<string[]> {
  const parsed = uvLock.safeParse(lock);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EverspotError(`uv.lock cannot be read: ${issue?.path.join(".")} ${issue?.message}`, {
      hint: "export it: uv export --no-dev --format requirements-txt -o requirements.txt",
    });
  }
  const packages = parsed.data.package;
  const root = findRoot(packages, project);
  checkFresh(root, project);

  const every = packages.flatMap((p) =>
    [p.dependencies, ...Object.values(p["optional-dependencies"])].flat(),
  );
  const holds = await evaluate(every.flatMap((d) => d.marker ?? []));
  const lines = new Map<LockPackage, string>();
  const seen = new Set<string>();
  const visit = (dependencies: readonly Dependency[]) => {
    for (const d of dependencies) {
      if (d.marker !== undefined && holds.get(d.marker) !== true) continue;
      const found = packages.find(
        (p) => p.name === d.name && (d.version === undefined || p.version === d.version),
      );
      if (found === undefined) throw new EverspotError(`uv.lock names ${d.name}, but does not describe it`);
      if (found === root) continue;
      if (!lines.has(found)) {
        lines.set(found, requirement(found));
        visit(found.dependencies);
      }
      for (const extra of d.extra ?? []) {
        const key = `${found.name} ${found.version} ${extra}`;
        if (seen.has(key)) continue;
        seen.add(key);
        visit(found["optional-dependencies"][extra] ?? []);
      }
    }
  };
  visit(root.dependencies);
  return [...lines.values()].sort();
}

function projectName(project: TomlTable): string {
  const name = (project.project as TomlTable | undefined)?.name;
  return normalName(typeof name === "string" ? name : "");
}

function findRoot(packages: readonly LockPackage[], project: TomlTable): LockPackage {
  const isHere = (p: LockPackage) => Object.values(p.source).includes(".");
  const root = packages.find((p) => p.name === projectName(project)) ?? packages.find(isHere);
  if (root !== undefined) return root;
  throw new EverspotError("uv.lock does not describe the project of this folder", { hint: "run `uv lock`" });
}

function checkFresh(root: LockPackage, project: TomlTable): void {
  const declared = (project.project as TomlTable | undefined)?.dependencies;
  const locked = new Set(root.dependencies.map((d) => d.name));
  const missing = (Array.isArray(declared) ? declared : [])
    .map((line) => normalName(/^[A-Za-z0-9._-]+/.exec(String(line))?.[0] ?? ""))
    .filter((name) => !locked.has(name));
  if (missing.length === 0) return;
  throw new EverspotError(`uv.lock is older than pyproject.toml: it lacks ${missing.join(", ")}`, {
    hint: "run `uv lock`",
  });
}

function requirement(p: LockPackage): string {
  const hashes = [p.sdist?.hash, ...p.wheels.map((w) => w.hash)]
    .filter((hash) => hash !== undefined)
    .map((hash) => ` --hash=${hash}`)
    .join("");
  const { source } = p;
  if (source.registry !== undefined) return `${p.name}==${p.version}${hashes}`;
  if (source.git !== undefined) {
    // "https://host/repository?rev=main&subdirectory=x#commit"
    const [address = "", commit = ""] = source.git.split("#");
    const folder = /[?&]subdirectory=([^&]+)/.exec(address)?.[1];
    return `${p.name} @ git+${address.split("?")[0]}@${commit}${folder ? `#subdirectory=${decodeURIComponent(folder)}` : ""}`;
  }
  if (source.url !== undefined) return `${p.name} @ ${source.url}${hashes}`;
  const folder = source.path ?? source.directory ?? source.editable ?? source.virtual;
  if (folder === undefined) {
    throw new EverspotError(
      `uv.lock has ${p.name} from ${Object.keys(source).join(", ")}, a kind of source that is not supported`,
    );
  }
  return `./${folder}`;
}
