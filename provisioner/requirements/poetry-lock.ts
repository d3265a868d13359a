import type { TomlTable } from "smol-toml";
import * as z from "zod";
import { EverspotError } from "../../agent/site/errors.ts";
import { byText, type Lock, type Locked } from "./locked.ts";
import { tableAt } from "./read.ts";
import { type EvaluateMarkers, leadingName, normalName } from "./requirement-lines.ts";

const constraint = z.union([
  z.string(),
  z.object({
    markers: z.string().optional(),
    optional: z.boolean().optional(),
    extras: z.array(z.string()).optional(),
  }),
]);
const constraints = z.record(z.string(), z.union([constraint, z.array(constraint)]));

const lockPackage = z.object({
  name: z.string(),
  version: z.string(),
  files: z.array(z.object({ file: z.string().default(""), hash: z.string() })).default([]),
  markers: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  dependencies: constraints.default({}),
  extras: z.record(z.string(), z.array(z.string())).default({}),
  source: z
    .object({
      type: z.string(),
      url: z.string(),
      reference: z.string().optional(),
      resolved_reference: z.string().optional(),
      subdirectory: z.string().optional(),
    })
    .optional(),
});
type LockPackage = z.infer<typeof lockPackage>;

/** The parts of poetry.lock in use; Poetry 1.0 and older kept hashes elsewhere and are refused. */
const poetryLock = z.object({
  package: z.array(lockPackage).default([]),
  metadata: z.object({
    "lock-version": z.string().regex(/^2\./, "must be 2.x"),
    "python-versions": z.string().optional(),
  }),
});

interface Need {
  name: string;
  marker?: string | undefined;
  extras: readonly string[];
}

/**
 * Requirement lines, pinned and with hashes, for what the project's main dependencies need on the instance.
 * @throws EverspotError when the lock is older than pyproject.toml or of an unknown form.
 */
export async function poetryRequirements(
  lock: TomlTable,
  project: TomlTable,
  evaluate: EvaluateMarkers,
): Promise<Lock> {
  const parsed = poetryLock.safeParse(lock);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EverspotError(`poetry.lock cannot be read: ${issue?.path.join(".")} ${issue?.message}`, {
      hint: "run `poetry lock` with Poetry 1.5 or later, or export it: poetry export -o requirements.txt",
    });
  }
  const packages = parsed.data.package;
  const roots = rootNeeds(project);
  const needs = (p: LockPackage) => tableNeeds(p.dependencies);
  const markers = [...roots, ...packages.flatMap(needs)].flatMap((n) => n.marker ?? []);
  const holds = await evaluate([...markers, ...packages.flatMap((p) => mainMarker(p) ?? [])]);
  const active = (marker: string | undefined) => marker === undefined || holds.get(marker) === true;

  const lines = new Map<LockPackage, Locked>();
  const seen = new Set<string>();
  const visit = (list: readonly Need[]) => {
    for (const need of list) {
      if (!active(need.marker)) continue;
      const found = choose(packages, need.name, (p) => active(mainMarker(p)));
      if (!lines.has(found)) {
        lines.set(found, requirement(found));
        visit(needs(found));
      }
      for (const extra of need.extras) {
        const key = `${found.name} ${found.version} ${extra}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const optional = (found.extras[extra] ?? []).map(leadingName);
        visit(tableNeeds(found.dependencies, true).filter((n) => optional.includes(n.name)));
      }
    }
  };
  visit(roots);
  return { packages: [...lines.values()].sort(byText), python: parsed.data.metadata["python-versions"] };
}

const mainMarker = (p: LockPackage): string | undefined =>
  typeof p.markers === "string" ? p.markers : p.markers?.main;

function choose(
  packages: readonly LockPackage[],
  name: string,
  active: (p: LockPackage) => boolean,
): LockPackage {
  const all = packages.filter((p) => normalName(p.name) === name);
  const candidates = all.length === 1 ? all : all.filter(active);
  const [found, second] = candidates;
  if (found === undefined) {
    throw new EverspotError(`poetry.lock is older than pyproject.toml: it lacks ${name}`, {
      hint: "run `poetry lock`",
    });
  }
  if (second === undefined) return found;
  throw new EverspotError(`poetry.lock has ${name} ${found.version} and ${second.version} for the instance`, {
    hint: "export it: poetry export -o requirements.txt",
  });
}

/** Main dependencies of the project: PEP 621 (Poetry 2) or Poetry's own table. */
function rootNeeds(project: TomlTable): Need[] {
  const standard = tableAt(project, "project").dependencies;
  if (Array.isArray(standard)) {
    return standard.map((line) => {
      const [left = "", marker] = String(line).split(";");
      const extras =
        /\[([^\]]*)\]/
          .exec(left)?.[1]
          ?.split(",")
          .map((e) => e.trim()) ?? [];
      return { name: leadingName(left), marker: marker?.trim(), extras };
    });
  }
  const parsed = constraints.safeParse(tableAt(project, "tool", "poetry", "dependencies"));
  if (!parsed.success) throw new EverspotError("[tool.poetry.dependencies] in pyproject.toml cannot be read");
  return tableNeeds(parsed.data);
}

function tableNeeds(table: z.infer<typeof constraints>, optionalToo = false): Need[] {
  return Object.entries(table)
    .filter(([name]) => name !== "python")
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).flatMap((c) => {
        const more = typeof c === "string" ? {} : c;
        if (more.optional === true && !optionalToo) return [];
        // Poetry writes the extra that asks for a dependency into its marker; that extra has been asked for here.
        const marker = optionalToo
          ? more.markers?.replace(/\s*(and\s+)?extra == "[^"]*"/g, "").trim()
          : more.markers;
        return [{ name: normalName(name), marker: marker || undefined, extras: more.extras ?? [] }];
      }),
    );
}

function requirement(p: LockPackage): Locked {
  const hashes = p.files.map((f) => ` --hash=${f.hash}`).join("");
  if (p.source === undefined || p.source.type === "legacy") {
    const wheels = p.files.map((f) => f.file).filter((name) => name.endsWith(".whl"));
    return {
      text: `${p.name}==${p.version}${hashes}`,
      offered: p.files.length === 0 ? undefined : { wheels, source: wheels.length < p.files.length },
      registry: p.source && { at: p.source.url, name: p.source.reference },
    };
  }
  const { type, url, resolved_reference: commit, subdirectory } = p.source;
  if (type === "git") {
    return {
      text: `${p.name} @ git+${url}@${commit}${subdirectory ? `#subdirectory=${subdirectory}` : ""}`,
    };
  }
  if (type === "url") return { text: `${p.name} @ ${url}${hashes}` };
  return { text: `./${url}` };
}
