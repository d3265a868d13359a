/** What of this computer is to become the site's. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { keptName } from "../../agent/site/config/state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Uploads } from "./uploads.ts";

/** [state] of everspot.toml. */
type State = NonNullable<SiteConfig["state"]>;

export interface Local {
  /** Its name in the log. */
  name: string;
  /** The person's own file. */
  file: string;
}

/**
 * Which database of [state] it is, and where it is here.
 * @param given the file; undefined: where the project has it. @param as its name in [state], where there are several.
 * @throws EverspotError (exit code 2)
 */
export function localDatabase(config: SiteConfig, given: string | undefined, as: string | undefined): Local {
  const names = stateOf(config).database.map(keptName);
  const wrong = (message: string, hint: string) => new EverspotError(message, { hint, exitCode: 2 });
  const chosen = as ?? (names.length === 1 ? names[0] : names.find((n) => given?.endsWith(path.basename(n))));
  if (chosen === undefined) {
    throw wrong("[state] has several databases", `say which with --as: ${names.join(", ")}`);
  }
  if (!names.includes(chosen)) {
    throw wrong(`[state] has no database ${chosen}`, `it has ${names.join(", ")}`);
  }
  return { name: chosen, file: path.resolve(given ?? path.join(config.folder, chosen)) };
}

/** @throws EverspotError (exit code 2) where everspot.toml has no [state], or it keeps no uploads. */
export function stateOf(config: SiteConfig, { media = false } = {}): State {
  const { state } = config;
  if (state === undefined) {
    throw new EverspotError("everspot.toml has no [state]: the site would not look at it", {
      hint: 'add [state] with database = "db.sqlite3"',
      exitCode: 2,
    });
  }
  if (media && state.media === undefined) {
    throw new EverspotError("[state] keeps no uploads", {
      hint: 'add media = "media" to [state], or leave --media out',
      exitCode: 2,
    });
  }
  return state;
}

/** @throws EverspotError (exit code 2) for what is no folder. */
export async function requireFolder(folder: string): Promise<string> {
  const full = path.resolve(folder);
  const found = await stat(full).catch(() => undefined);
  if (found?.isDirectory() === true) return full;
  throw new EverspotError(`${full} is ${found === undefined ? "not there" : "no folder"}`, {
    resource: full,
    hint: "--media names the folder with the project's uploads, its MEDIA_ROOT",
    exitCode: 2,
  });
}

/** What of the uploads here is new to the site, or has another content. */
export const newUploads = (here: Uploads, site: Uploads): Uploads =>
  new Map([...here].filter(([name, { sha256 }]) => site.get(name)?.sha256 !== sha256));

export const bytesOf = (uploads: Uploads): number =>
  [...uploads.values()].reduce((sum, { size }) => sum + size, 0);
