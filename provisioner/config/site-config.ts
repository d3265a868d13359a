import type * as z from "zod/mini";
import type { siteFile } from "./schema.ts";

export type { Arch } from "../../agent/site/config/fleet.ts";

/** One site as `everspot.toml` asks for it, a stage's overrides applied, every default filled in. */
export type SiteConfig = z.output<typeof siteFile> & {
  /** Absolute path of the file it was read from, and the project's folder: `[app] root` below where that file is. */
  file: string;
  folder: string;
  stage: string | undefined;
};
