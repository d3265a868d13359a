import { channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Aws } from "../aws/connect.ts";
import type { FleetSeen } from "../aws/fleets.ts";
import type { Scene } from "./recovery.ts";

export async function lookAtScene(aws: Aws): Promise<Scene> {
  const site = await readDocument(aws.store, siteDocument);
  const [channel, fleets, instances] = await Promise.all([
    readDocument(aws.store, channelDocument),
    aws.fleets.settled(),
    aws.instances.look(site.value?.owner),
  ]);
  const alive = fleets.filter((f) => f.alive);
  return { site: site.value, channel: channel.value, fleets: alive, instances };
}

/** @throws EverspotError when the site is not up, or was taken down. */
export async function requireFleet(aws: Aws, site: string): Promise<FleetSeen> {
  const fleet = (await aws.fleets.look()).find((f) => f.alive && !f.bridge);
  if (fleet !== undefined) return fleet;
  throw new EverspotError(`${site} is not up: it has no fleet`, { hint: "run `everspot up` first" });
}
