import {
  DeleteVolumeCommand,
  type EC2Client,
  GetConsoleOutputCommand,
  type Instance,
  paginateDescribeInstances,
  paginateDescribeVolumes,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { hasCode, ignoring, named } from "./errors.ts";
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
  /** Id of the EC2 Fleet that launched it. */
  fleet: string | undefined;
  launched: Date;
  address: string | undefined;
  privateAddress: string | undefined;
  /** Version of the launch template it was launched from. */
  templateVersion: number | undefined;
}

export interface Instances {
  /**
   * Every instance EC2 still knows of, newest launch first; a terminated one stays for about an hour.
   * @param known one that there is reason to think is there: EC2's API is eventually consistent, so if the answer does
   * not have it, the next one counts, ten seconds later.
   */
  look(known?: string): Promise<InstanceSeen[]>;
  /**
   * What an instance printed on its console, at most the last 64 KB, as it was printed. Empty in its first minutes;
   * types that are not of Nitro show only what there was at the last change of state.
   */
  console(id: string): Promise<string>;
  /** Instances that are gone already are no error. */
  terminate(ids: readonly string[]): Promise<void>;
  /** Volumes that outlived their instance. */
  looseVolumes(): Promise<string[]>;
  deleteVolume(id: string): Promise<void>;
}

/** Seconds between two questions for an instance that an answer does not have. */
const ASK_AGAIN_SECONDS = 10;

export function createInstances(client: EC2Client, site: string, clock: Clock = systemClock): Instances {
  const filter = { Filters: [siteFilter(site)] };
  const look = () =>
    named("looking at the instances", async () => {
      const found = await gather(paginateDescribeInstances({ client }, filter), (page) =>
        page.Reservations?.flatMap((r) => r.Instances ?? []),
      );
      return found.map(seen).sort((a, b) => b.launched.getTime() - a.launched.getTime());
    });
  return {
    look: async (known) => {
      const first = await look();
      if (known === undefined || first.some((i) => i.id === known)) return first;
      await clock.sleep(ASK_AGAIN_SECONDS * 1000);
      return look();
    },
    console: (id) =>
      named(`reading the console of ${id}`, async () => {
        const read = (more: { Latest?: boolean }) =>
          client.send(new GetConsoleOutputCommand({ InstanceId: id, ...more }));
        const { Output } = await read({ Latest: true }).catch((error: unknown) => {
          if (!hasCode(error, "UnsupportedOperation", "InvalidParameterCombination")) throw error;
          return read({});
        });
        return Buffer.from(Output ?? "", "base64").toString();
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
    fleet: tagOf(instance.Tags, "aws:ec2:fleet-id"),
    launched: instance.LaunchTime ?? new Date(0),
    address: instance.PublicIpAddress,
    privateAddress: instance.PrivateIpAddress,
    templateVersion: version === undefined ? undefined : Number(version),
  };
}
