import type { Aws } from "../aws/connect.ts";
import type { Tools } from "../operator/tools.ts";
import { describeUp } from "../plan/actions.ts";
import type { ConfigurationChange } from "../plan/configuration.ts";
import { runActions } from "./run.ts";
import { upExecutor } from "./up.ts";

/** Seconds an action may meet what AWS has not finished yet. */
const PATIENCE = 60;

/** What a deploy changes of the configuration. */
export async function applyConfiguration(
  { actions, plan, seen }: ConfigurationChange,
  aws: Aws,
  { terminal, clock }: Pick<Tools, "terminal" | "clock">,
): Promise<void> {
  const execute = upExecutor(aws, plan.wanted, seen, {
    agentFile: plan.agentFile,
    wantedWith: plan.wantedWith,
    clock,
    publishFirstRelease: async () => {
      throw new Error("a deploy publishes its own release");
    },
  });
  await runActions(actions, { describe: describeUp, execute, progress: terminal, patience: PATIENCE, clock });
}
