/** [state], as it is proposed. Pure. */
import { inMemory, isSqlite } from "../project/databases.ts";
import type { Draft } from "./config-file.ts";
import type { Needs } from "./settings-file.ts";
import type { Situation } from "./situation.ts";
import type { Served } from "./static-files.ts";

const IN_APP_FOLDER = "$STATE_DIRECTORY/";

/** What outlives the instance: each SQLite database, where the settings have it then, and uploads beside one. */
export function stateOf(
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
