import { isInAppFolder } from "../../agent/site/config/state.ts";
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
      kept: keptPaths(config.state),
    },
  });

/** In the project: what is kept below the app's own folder is no part of it. */
const keptPaths = (state: SiteConfig["state"]): string[] =>
  state === undefined
    ? []
    : [...state.database, ...(state.media === undefined ? [] : [state.media])].filter(
        (p) => !isInAppFolder(p),
      );
