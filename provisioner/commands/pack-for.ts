import { existsSync } from "node:fs";
import path from "node:path";
import { isInAppFolder, keptName } from "../../agent/site/config/state.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { type Packed, type PackOptions, packRelease } from "../release/pack.ts";

/** Python of each Debian (FACTS: python3 of 12 and 13). */
const PYTHON = { "debian-12": "3.11", "debian-13": "3.13" } as const;

const COLLECTS = /\bcollectstatic\b/;

/** A release of the project's folder, for the Python and the architecture of its instances. */
export const packFor = (
  config: SiteConfig,
  options: Pick<PackOptions, "allow" | "onProgress" | "signal">,
): Promise<Packed> =>
  packRelease({
    folder: config.folder,
    python: PYTHON[config.image.os],
    arch: config.fleet.arch,
    ...options,
    allow: [...config.release.allow, ...options.allow],
    without: config.release.without,
    site: {
      static: {
        folders: (config.app.static ?? []).map(({ folder }) => folder),
        collected: config.app.beforeStart.flat().some((command) => COLLECTS.test(command)),
      },
      debianPackages: config.image.packages,
      kept: keptPaths(config),
    },
  });

/**
 * In the project. What is kept below the app's own folder lies in the project by the same name where the site was tried
 * out, and is brought by `data push`; a folder of that name with code in it is the project's.
 */
export function keptPaths({ state, folder }: Pick<SiteConfig, "state" | "folder">): string[] {
  if (state === undefined) return [];
  const { database, media } = state;
  const isCode = (name: string) => existsSync(path.join(folder, name, "__init__.py"));
  return [...database, ...(media === undefined ? [] : [media])].flatMap((one) =>
    isInAppFolder(one) && isCode(keptName(one)) ? [] : [keptName(one)],
  );
}
