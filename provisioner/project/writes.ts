/** What a project writes among its own files, where on an instance nothing can, and which setting says so. Pure. */
import type { Answer, Facts } from "./facts.ts";

/** A setting that is a path in the project. */
export interface PathSetting {
  /** As Python names it: HUEY["filename"]. */
  setting: string;
  /** Relative to the project. */
  path: string;
  /** Whether its value is a pathlib.Path. */
  isPath: boolean;
}

export interface Write {
  /** Relative to the project. */
  path: string;
  /** Undefined where no setting names it, nor a folder for it. */
  by: PathSetting | undefined;
}

/** What these say is checked and proposed by itself. */
const OTHERS = /^(DATABASES|STATIC_ROOT|STATICFILES_DIRS|TEMPLATES|LOCALE_PATHS|FIXTURE_DIRS)\b/;
const OF_SQLITE = /-(wal|shm|journal)$/;

/**
 * @param written paths relative to the project.
 * @param files of the project: a folder that has some cannot be moved.
 * @param served the folders that nginx serves: what runs before the app may write there.
 */
export function writesOf(
  written: readonly string[],
  { paths = [] }: Pick<Answer, "paths">,
  facts: Pick<Facts, "databases" | "staticRoot">,
  files: readonly string[],
  served: readonly string[] = [],
): Write[] {
  const databases = Object.values(facts.databases).map(({ name }) => name);
  const folders = [...served, facts.staticRoot].filter((folder) => folder != null);
  const movable = paths.filter(([setting]) => !OTHERS.test(setting));
  const writes = written
    .filter((path) => !OF_SQLITE.test(path) && !databases.includes(path))
    .filter((path) => !folders.some((folder) => isIn(path, folder)))
    .map((path) => ({ path, by: settingOf(path, movable, files) }));
  // One finding for each setting is enough.
  return writes.filter(
    ({ by }, i) => by === undefined || writes.findIndex((w) => w.by?.setting === by.setting) === i,
  );
}

const isIn = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** The setting that names the file, or the nearest folder around it that has nothing of the project. */
function settingOf(
  path: string,
  settings: NonNullable<Answer["paths"]>,
  files: readonly string[],
): PathSetting | undefined {
  const [nearest] = settings
    .filter(
      ([, place, kind]) =>
        place === path || (kind !== "relative" && isIn(path, place) && !files.some((f) => isIn(f, place))),
    )
    .sort(([, a], [, b]) => b.length - a.length);
  return nearest && { setting: nearest[0], path: nearest[1], isPath: nearest[2] === "path" };
}
