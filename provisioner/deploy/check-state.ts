import { LONGEST_PAUSE } from "../../agent/site/config/state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { USAGE } from "../config/load.ts";
import type { SiteConfig } from "../config/site-config.ts";

/**
 * What `[state]` has to do with how a release is brought in. In place, nothing is rehearsed on a copy, no visitor is
 * held, and a migration that fails could not be taken back, so a site whose data outlives its instance is not changed so.
 * @throws EverspotError for what this site cannot do.
 */
export function checkState(
  { state }: Pick<SiteConfig, "state">,
  { pause, inPlace }: { pause?: number; inPlace: boolean },
): void {
  if (state !== undefined && inPlace) {
    throw new EverspotError("a site with [state] gets a release on a new instance only", {
      hint: "leave out --in-place: a new instance tries the migrations on a copy before anybody waits",
      exitCode: USAGE,
    });
  }
  if (pause === undefined) return;
  if (state === undefined) {
    throw new EverspotError("--pause is for a site that keeps what it writes", {
      hint: "without [state], nobody waits while a deploy goes on",
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
