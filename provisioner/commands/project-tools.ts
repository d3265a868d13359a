import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";
import type { Inspection } from "../project/inspect.ts";
import type { Packed } from "../release/pack.ts";
import type { OnProgress } from "../release/progress.ts";

/** What the commands use that look at the project's folder, too. */
export interface ProjectTools extends Tools {
  /**
   * What stands against serving the project as it is configured.
   * @param secrets names of those that the app will find; undefined where they may not be looked at.
   * @param options `checks`: with what `manage.py check --deploy` says.
   */
  inspect(
    config: SiteConfig,
    secrets: readonly string[] | undefined,
    signal: AbortSignal,
    options?: { checks: boolean },
  ): Promise<Inspection>;
  /** A release of the project's folder; the caller removes the folder of its file. */
  pack(
    config: SiteConfig,
    options: { allow: readonly string[]; signal: AbortSignal; onProgress: OnProgress },
  ): Promise<Packed>;
}
