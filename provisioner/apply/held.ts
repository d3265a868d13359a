import type { Clock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Aws } from "../aws/connect.ts";
import { hasCode } from "../aws/errors.ts";
import type { Holding } from "../aws/network-look.ts";

/** Something that is not the site's keeps a part of its network from being deleted; `lines` name it. */
export class Held extends EverspotError {}

/** Seconds that must pass before what is in the way counts as somebody's, and not as on its way out. */
const SURE_SECONDS = 20;

/**
 * For deletions: where AWS refuses one because something depends on it, looks for what that is. What goes by itself is
 * AWS's refusal still, to be tried again; what is in the way for good is thrown as Held.
 */
export function heldBy(aws: Aws, clock: Clock): (of: Holding, deletion: Promise<void>) => Promise<void> {
  const since = new Map<string, number>();
  return async (of, deletion) => {
    try {
      await deletion;
    } catch (error) {
      if (!isHeld(error)) throw error;
      const own = new Set((await aws.instances.look()).map((i) => i.id));
      const found = await aws.network.inTheWay(of, own);
      for (const one of found) since.set(one, since.get(one) ?? clock.now());
      if (!found.some((one) => clock.now() - (since.get(one) ?? 0) >= SURE_SECONDS * 1000)) throw error;
      throw new Held(`${(error as EverspotError).message.split(":", 1)[0]}: something else is in the way`, {
        lines: found,
        hint: "delete it, or move it out of the site's VPC, and run `everspot down` again",
      });
    }
  };
}

/** Whether AWS, or a look at what is there, says that something else depends on what was to go. */
export const isHeld = (error: unknown): error is EverspotError =>
  error instanceof Held || (error instanceof EverspotError && hasCode(error.cause, "DependencyViolation"));
