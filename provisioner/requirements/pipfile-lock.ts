import type { TomlTable } from "smol-toml";
import * as z from "zod";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { byText, type Lock, type Locked } from "./locked.ts";
import { tableAt } from "./read.ts";
import type { Registry } from "./registries.ts";
import { type EvaluateMarkers, normalName } from "./requirement-lines.ts";

const lockPackage = z.object({
  version: z.string().optional(),
  hashes: z.array(z.string()).default([]),
  index: z.string().optional(),
  markers: z.string().optional(),
  extras: z.array(z.string()).default([]),
  git: z.string().optional(),
  ref: z.string().optional(),
  subdirectory: z.string().optional(),
  path: z.string().optional(),
  file: z.string().optional(),
});
type LockPackage = z.infer<typeof lockPackage>;

/** The parts of Pipfile.lock in use (pipfile-spec 6). */
const pipfileLock = z.object({
  _meta: z.object({
    requires: z
      .object({ python_version: z.string().optional(), python_full_version: z.string().optional() })
      .default({}),
    sources: z.array(z.object({ name: z.string(), url: z.string() })).default([]),
  }),
  default: z.record(z.string(), lockPackage).default({}),
});

/**
 * Requirement lines, pinned and with hashes, of the lock's default packages whose markers hold on the instance.
 * @param pipfile undefined when there is none beside the lock.
 * @param env for $VARIABLES in the addresses of registries, which pipenv takes from there, too.
 * @throws EverspotError when the lock is older than the Pipfile or of an unknown form.
 */
export async function pipfileRequirements(
  text: string,
  pipfile: TomlTable | undefined,
  evaluate: EvaluateMarkers,
  env: NodeJS.ProcessEnv,
): Promise<Lock> {
  const lock = parseLock(text);
  checkFresh(lock.default, pipfile);
  const entries = Object.entries(lock.default);
  const holds = await evaluate(entries.flatMap(([, p]) => p.markers ?? []));
  const sources = new Map(
    lock._meta.sources.map(({ name, url }) => [name, { name, at: expanded(url, env) }]),
  );
  const packages = entries
    .filter(([, { markers }]) => markers === undefined || holds.get(markers) === true)
    .map(([name, p]) => requirement(name, p, sources));
  const { python_full_version: full, python_version: minor } = lock._meta.requires;
  const python = full === undefined ? minor && `==${minor}.*` : `==${full}`;
  return { packages: packages.sort(byText), python };
}

function parseLock(text: string): z.infer<typeof pipfileLock> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw unreadable(messageOf(error));
  }
  const parsed = pipfileLock.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw unreadable(`${issue?.path.join(".")} ${issue?.message}`);
}

const unreadable = (why: string): EverspotError =>
  new EverspotError(`Pipfile.lock cannot be read: ${why}`, {
    hint: "run `pipenv lock`, or export it: pipenv requirements > requirements.txt",
  });

function checkFresh(locked: Readonly<Record<string, LockPackage>>, pipfile: TomlTable | undefined): void {
  const names = new Set(Object.keys(locked).map(normalName));
  const missing = Object.keys(tableAt(pipfile, "packages"))
    .map(normalName)
    .filter((name) => !names.has(name));
  if (missing.length === 0) return;
  throw new EverspotError(`Pipfile.lock is older than the Pipfile: it lacks ${missing.join(", ")}`, {
    hint: "run `pipenv lock`",
  });
}

function requirement(name: string, p: LockPackage, sources: ReadonlyMap<string, Registry>): Locked {
  const extras = p.extras.length === 0 ? "" : `[${p.extras.join(",")}]`;
  const hashes = p.hashes.map((hash) => ` --hash=${hash}`).join("");
  if (p.git !== undefined) {
    const folder = p.subdirectory === undefined ? "" : `#subdirectory=${p.subdirectory}`;
    return { text: `${name}${extras} @ git+${p.git.replace(/^git\+/, "")}@${p.ref ?? "HEAD"}${folder}` };
  }
  const place = p.path ?? p.file;
  if (place !== undefined) {
    return /^[a-z]+:\/\//.test(place)
      ? { text: `${name}${extras} @ ${place}${hashes}` }
      : { text: `./${place}${extras}` };
  }
  return {
    text: `${name}${extras}${p.version ?? ""}${hashes}`,
    registry: p.index === undefined ? undefined : sources.get(p.index),
  };
}

const expanded = (url: string, env: NodeJS.ProcessEnv): string =>
  url.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (whole, bare?: string, braced?: string) => env[bare ?? braced ?? ""] ?? whole,
  );
