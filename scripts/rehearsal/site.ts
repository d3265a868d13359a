import { cp, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parse, stringify } from "smol-toml";
import { EverspotError } from "../../agent/site/errors.ts";

/** The copy of a site's folder that a rehearsal works on; the original is only read. */
export interface RehearsedSite {
  folder: string;
  name: string;
  domain: string;
  health: string;
  /** Name of the hosted zone that it needs. */
  zone: string;
}

/** As an override, undefined takes a key out. */
export type Table = Record<string, unknown>;

/**
 * Most stories, and the bench, are of what happens with and without state, and are played on the sample without: visitors of a
 * site that keeps its state are held while it changes hands, where those of another are forwarded. Stories of state say so.
 */
export const STATELESS: Table = { state: undefined };

/**
 * Copies a folder with a Django project and an everspot.toml, and puts what the rehearsal decides into the copy's
 * everspot.toml: the region and the certificate authority.
 * @throws EverspotError when there is no such folder or file.
 */
export async function prepareSite(from: string, to: string, overrides: Table): Promise<RehearsedSite> {
  await readConfig(from);
  const skipped = new Set([".git", ".venv", "venv", "node_modules", "__pycache__"]);
  await cp(from, to, { recursive: true, filter: (source) => !skipped.has(path.basename(source)) });
  return configureSite(to, () => overrides);
}

/** Puts what the rehearsal decides into a folder's everspot.toml. @throws EverspotError when there is none. */
export async function configureSite(
  folder: string,
  overridesFor: (config: Table) => Table,
): Promise<RehearsedSite> {
  const before = await readConfig(folder);
  const config = merge(before, overridesFor(before));
  await writeFile(path.join(folder, NAME), stringify(config));
  const domain = String(config.domain ?? "");
  const app = config.app as Table | undefined;
  return {
    folder,
    name: String(config.site ?? ""),
    domain,
    health: String(app?.health ?? "/"),
    zone: domain.split(".").slice(-2).join("."),
  };
}

const NAME = "everspot.toml";

async function readConfig(folder: string): Promise<Table> {
  const file = path.join(folder, NAME);
  const text = await readFile(file, "utf8").catch(() => {
    throw new EverspotError(`there is no ${file}`, {
      hint: "give a folder with a Django project and an everspot.toml",
      exitCode: 2,
    });
  });
  return parsed(file, text);
}

function parsed(file: string, text: string): Table {
  try {
    return parse(text);
  } catch (cause) {
    throw new EverspotError(`${file} is not TOML: ${(cause as Error).message}`, { cause, exitCode: 2 });
  }
}

export const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function merge(base: Table, over: Table): Table {
  const merged: Table = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    if (value === undefined) delete merged[key];
    else merged[key] = isTable(below) && isTable(value) ? merge(below, value) : value;
  }
  return merged;
}
