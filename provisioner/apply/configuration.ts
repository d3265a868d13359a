import type { Aws } from "../aws/connect.ts";
import type { Tools } from "../operator/tools.ts";
import { describeUp } from "../plan/actions.ts";
import type { ConfigurationChange } from "../plan/configuration.ts";
import { runActions } from "./run.ts";
import { upExecutor } from "./up.ts";

/** Seconds an action may meet what AWS has not finished yet. */
const PATIENCE = 60;

/**
 * What a deploy changes of the configuration.
 * @param target of the fleet, in the call that changes what it launches; it stays as it is when undefined.
 */
export async function applyConfiguration(
  { actions, plan, seen }: ConfigurationChange,
  aws: Aws,
  { terminal, clock }: Pick<Tools, "terminal" | "clock">,
  target?: number,
): Promise<void> {
  const execute = upExecutor(aws, plan.wanted, seen, {
    agentFile: plan.agentFile,
    wantedWith: plan.wantedWith,
    clock,
    publishFirstRelease: async () => {
      throw new Error("a deploy publishes its own release");
    },
  });
  const wanted = actions.map((action) =>
    action.do === "change-fleet" && target !== undefined ? { ...action, target } : action,
  );
  await runActions(wanted, { describe: describeUp, execute, progress: terminal, patience: PATIENCE, clock });
}
