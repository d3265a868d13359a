import {
  DeleteVolumeCommand,
  type EC2Client,
  type Instance,
  paginateDescribeInstances,
  paginateDescribeVolumes,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { ignoring, named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { siteFilter, tagOf } from "./tags.ts";

export interface InstanceSeen {
  id: string;
  /** EC2's word. */
  state: string;
  /** Pending or running. */
  alive: boolean;
  type: string;
  zone: string;
  image: string;
  spot: boolean;
  launched: Date;
  address: string | undefined;
  privateAddress: string | undefined;
  /** Version of the launch template it was launched from. */
  templateVersion: number | undefined;
}

export interface Instances {
  /** Every instance EC2 still knows of, newest launch first; a terminated one stays for about an hour. */
  look(): Promise<InstanceSeen[]>;
  /** Instances that are gone already are no error. */
  terminate(ids: readonly string[]): Promise<void>;
  /** Volumes that outlived their instance. */
  looseVolumes(): Promise<string[]>;
  deleteVolume(id: string): Promise<void>;
}

export function createInstances(client: EC2Client, site: string): Instances {
  const filter = { Filters: [siteFilter(site)] };
  return {
    look: () =>
      named("looking at the instances", async () => {
        const found = await gather(paginateDescribeInstances({ client }, filter), (page) =>
          page.Reservations?.flatMap((r) => r.Instances ?? []),
        );
        return found.map(seen).sort((a, b) => b.launched.getTime() - a.launched.getTime());
      }),
    terminate: (ids) =>
      named(`terminating ${ids.join(", ")}`, async () => {
        await client
          .send(new TerminateInstancesCommand({ InstanceIds: [...ids] }))
          .catch(ignoring("InvalidInstanceID.NotFound"));
      }),
    looseVolumes: () =>
      named("looking at the volumes", async () => {
        const found = await gather(paginateDescribeVolumes({ client }, filter), (page) => page.Volumes);
        return found.filter((v) => v.State === "available").map((v) => v.VolumeId ?? "");
      }),
    deleteVolume: (id) =>
      named(`deleting the volume ${id}`, async () => {
        await client
          .send(new DeleteVolumeCommand({ VolumeId: id }))
          .catch(ignoring("InvalidVolume.NotFound"));
      }),
  };
}

function seen(instance: Instance): InstanceSeen {
  const state = instance.State?.Name ?? "unknown";
  const version = tagOf(instance.Tags, "aws:ec2launchtemplate:version");
  return {
    id: instance.InstanceId ?? "",
    state,
    alive: state === "pending" || state === "running",
    type: instance.InstanceType ?? "",
    zone: instance.Placement?.AvailabilityZone ?? "",
    image: instance.ImageId ?? "",
    spot: instance.InstanceLifecycle === "spot",
    launched: instance.LaunchTime ?? new Date(0),
    address: instance.PublicIpAddress,
    privateAddress: instance.PrivateIpAddress,
    templateVersion: version === undefined ? undefined : Number(version),
  };
}
