import { LONGEST_PAUSE } from "../../agent/site/config/state.ts";
import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import type { SiteConfig } from "../config/site-config.ts";

/** What `[state]` has to do with how a release is brought in. @throws EverspotError for what this site cannot do. */
export function checkState({ state }: Pick<SiteConfig, "state">, { pause }: { pause?: number }): void {
  if (pause === undefined) return;
  if (state === undefined) {
    throw new EverspotError("--pause is for a site that keeps what it writes", {
      hint: "without [state], no one waits while a deploy goes on",
      exitCode: USAGE,
    });
  }
  const most = Math.max(LONGEST_PAUSE, state.pause);
  if (pause <= most) return;
  throw new EverspotError(`visitors cannot be held for ${pause} s`, {
    hint: `at most for ${most} s; split the migration, or write pause = ${pause} in [state]`,
    exitCode: USAGE,
  });
}
