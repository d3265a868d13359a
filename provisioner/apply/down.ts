import type { Clock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import type { Aws } from "../aws/connect.ts";
import { clearInterruption } from "../aws/interruption/interrupt.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { type DownAction, ownAddresses, ownRecords } from "../plan/down.ts";
import { observeZone, type SiteSeen } from "../seen/observe.ts";
import { heldBy } from "./held.ts";

/** An instance takes up to a few minutes to shut down and go. */
const TERMINATION_SECONDS = 600;
/** How often records that change while being deleted are read again. */
const RECORD_ATTEMPTS = 3;

/** Does one action of `down`. @throws Held when something that is not the site's is in the way. */
export function downExecutor(
  config: SiteConfig,
  aws: Aws,
  seen: SiteSeen,
  clock: Clock,
): (action: DownAction) => Promise<undefined> {
  const { network, roles, bucket } = aws;
  const addresses = ownAddresses(seen);
  const unlessHeld = heldBy(aws, clock);
  const vpcOf = (gateway: string) => seen.network.gateways.find((g) => g.id === gateway)?.vpc ?? "";
  return async (action) => {
    switch (action.do) {
      case "delete-fleet":
        await aws.fleets.delete(action.fleet);
        return;
      case "terminate-instances":
        await aws.instances.terminate(action.instances);
        return;
      case "wait-for-instances":
        await waitUntilGone(aws, clock);
        return;
      case "delete-records":
        await deleteRecords(config, aws, seen, action, addresses);
        return;
      case "delete-template":
        await aws.templates.delete(action.template);
        return;
      case "delete-image":
        await aws.bakedImages.remove(action.image);
        return;
      case "delete-snapshot":
        await aws.bakedImages.removeSnapshot(action.snapshot);
        return;
      case "delete-group":
        await unlessHeld({ group: action.group }, network.deleteGroup(action.group));
        return;
      case "disassociate":
        await network.disassociate(action.association);
        return;
      case "delete-route-table":
        await network.deleteRouteTable(action.table);
        return;
      case "delete-subnet":
        await unlessHeld({ subnet: action.subnet }, network.deleteSubnet(action.subnet));
        return;
      case "detach-gateway":
        await unlessHeld(
          { vpc: action.vpc, publicOnly: true },
          network.detachGateway(action.gateway, action.vpc),
        );
        return;
      case "delete-gateway":
        await unlessHeld(
          { vpc: vpcOf(action.gateway), publicOnly: true },
          network.deleteGateway(action.gateway),
        );
        return;
      case "delete-vpc":
        await unlessHeld({ vpc: action.vpc }, network.deleteVpc(action.vpc));
        return;
      case "delete-volume":
        await aws.instances.deleteVolume(action.volume);
        return;
      case "delete-secrets":
        for (const name of action.names) await aws.secrets.unset(name);
        return;
      case "delete-certificate":
        await aws.certificates.delete(action.arn);
        return;
      case "delete-validation":
        await aws.dns.delete(action.zone, action.records);
        return;
      case "remove-role-from-profile":
        await roles.removeFromProfile(action.role);
        return;
      case "delete-profile":
        await roles.deleteProfile();
        return;
      case "delete-role-policy":
        await roles.deletePolicy();
        return;
      case "delete-role":
        await roles.deleteRole();
        return;
      case "delete-deploy-role":
        await aws.github.deleteRole();
        return;
      case "delete-topic":
        await aws.topic.delete();
        return;
      case "delete-budget":
        await aws.budget.delete();
        return;
      case "delete-drill":
        await clearInterruption(aws);
        return;
      case "delete-logs":
        await aws.logs.delete();
        return;
      case "empty-bucket":
        await bucket.empty(action.keep);
        return;
      case "delete-bucket":
        await bucket.delete();
        return;
    }
  };
}

/** The fleet may have launched one more instance while it was being deleted; that one goes too. */
async function waitUntilGone(aws: Aws, clock: Clock): Promise<void> {
  await poll(
    "instances are still there",
    async () => {
      const left = (await aws.instances.look()).filter((i) => i.state !== "terminated");
      const running = left.filter((i) => i.state !== "shutting-down");
      if (running.length > 0) await aws.instances.terminate(running.map((i) => i.id));
      if (left.length === 0) return { done: true };
      return { waiting: left.map((i) => `${i.id} is ${i.state}`).join(", ") };
    },
    { seconds: TERMINATION_SECONDS, everySeconds: 2, clock, hint: "run `everspot down` again" },
  );
}

async function deleteRecords(
  config: SiteConfig,
  aws: Aws,
  seen: SiteSeen,
  planned: Extract<DownAction, { do: "delete-records" }>,
  addresses: readonly string[],
): Promise<void> {
  let { records } = planned;
  for (let attempt = 0; attempt < RECORD_ATTEMPTS; attempt++) {
    if (await aws.dns.delete(planned.zone, records)) return;
    const zone = (await aws.dns.zonesOf(config.domain)).find((z) => z.id === planned.zone);
    records =
      zone === undefined ? [] : ownRecords(config, await observeZone(config, aws, zone, seen), addresses);
    if (records.length === 0) return;
  }
  throw new EverspotError(`the records of ${config.domain} keep changing`, {
    resource: `hosted zone ${planned.zone}`,
    hint: "run `everspot down` again",
    retry: "retry",
  });
}
