import { DescribeInstancesCommand, type EC2Client, type Instance } from "@aws-sdk/client-ec2";
import type { Peer, Peers } from "../ports/peers.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { SITE_TAG } from "../site/names.ts";

export function createPeers(client: EC2Client, site: string): Peers {
  async function describe(instanceId?: string): Promise<Peer[]> {
    const filters = [{ Name: `tag:${SITE_TAG}`, Values: [site] }];
    const found: Peer[] = [];
    let token: string | undefined;
    do {
      const page = await client
        .send(
          new DescribeInstancesCommand({
            Filters: filters,
            InstanceIds: instanceId === undefined ? undefined : [instanceId],
            NextToken: token,
          }),
        )
        .catch((cause: unknown) => {
          if (cause instanceof Error && cause.name === "InvalidInstanceID.NotFound") return undefined;
          throw new EverspotError(`EC2: describing the site's instances: ${messageOf(cause)}`, {
            retry: "retry",
            cause,
          });
        });
      found.push(...(page?.Reservations ?? []).flatMap((r) => r.Instances ?? []).map(peerOf));
      token = page?.NextToken;
    } while (token !== undefined);
    return found;
  }
  return { all: () => describe(), find: async (instance) => (await describe(instance))[0] };
}

function peerOf(instance: Instance): Peer {
  const state = instance.State?.Name ?? "unknown";
  const tag = (key: string) => instance.Tags?.find((t) => t.Key === key)?.Value;
  const template = Number(tag("aws:ec2launchtemplate:version"));
  return {
    instance: instance.InstanceId ?? "",
    state,
    alive: state === "pending" || state === "running",
    launched: instance.LaunchTime ?? new Date(0),
    privateAddress: instance.PrivateIpAddress,
    fleet: tag("aws:ec2:fleet-id"),
    ...(template > 0 ? { template } : {}),
  };
}
