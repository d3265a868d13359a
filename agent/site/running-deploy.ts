import type { Clock } from "./clock.ts";
import { readDocument } from "./document.ts";
import { type DeployState, deployDocument, isDeploying } from "./records.ts";
import type { ObjectStore } from "./store.ts";

/** The deploy under way now, if there is one. */
export async function runningDeploy(store: ObjectStore, clock: Clock): Promise<DeployState | undefined> {
  const { value, date } = await readDocument(store, deployDocument);
  return isDeploying(value, date?.getTime() ?? clock.now()) ? value : undefined;
}
