import { runningDeploy } from "../site/documents/deploy-state.ts";
import type { Machine } from "./machine.ts";

/** Seconds for which visitors may be held: those of the deploy under way, if it asks for others. */
export async function pauseOf({
  config,
  store,
  clock,
}: Pick<Machine, "config" | "store" | "clock">): Promise<number> {
  const deploy = await runningDeploy(store, clock).catch(() => undefined);
  return deploy?.pause ?? config.state?.pause ?? 0;
}
