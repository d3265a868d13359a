/** Removes what carries the tag, whichever run made it, and lists what is left. */
import {
  DeleteFleetsCommand,
  DeleteLaunchTemplateCommand,
  DeleteSubnetCommand,
  DeleteVolumeCommand,
  DeleteVpcCommand,
  paginateDescribeFleets,
  paginateDescribeInstances,
  paginateDescribeLaunchTemplates,
  paginateDescribeSubnets,
  paginateDescribeVolumes,
  paginateDescribeVpcs,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import {
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetInstanceProfileCommand,
  GetRoleCommand,
  RemoveRoleFromInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  HeadBucketCommand,
  ListObjectVersionsCommand,
} from "@aws-sdk/client-s3";
import type { Clock } from "../../agent/site/clock.ts";
import { messageOf } from "../../agent/site/errors.ts";
import { CALLER, type Clients, NAME, TAG } from "./scene.ts";

export interface Where {
  clients: Clients;
  region: string;
  account: string;
  clock: Clock;
}

/** What goes, in this order: whatever uses a thing before the thing itself. */
interface Kind {
  name: string;
  /** Ids of what is there. */
  look(where: Where): Promise<string[]>;
  remove(where: Where, id: string): Promise<unknown>;
}

const byTag = { Filters: [{ Name: `tag-key`, Values: [TAG] }] };

async function all<Page>(
  pages: AsyncIterable<Page>,
  of: (page: Page) => readonly (string | undefined)[] | undefined,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const page of pages) for (const id of of(page) ?? []) if (id !== undefined) ids.push(id);
  return ids;
}

/** Seconds until what is being removed is gone, and between two looks. */
const PATIENCE = 300;
const PAUSE_MS = 5_000;

const kinds: readonly Kind[] = [
  {
    name: "fleet",
    look: ({ clients: { ec2: client } }) =>
      // DescribeFleets has no filter for tags.
      all(paginateDescribeFleets({ client }, {}), (page) =>
        page.Fleets?.filter(
          (f) => f.Tags?.some((t) => t.Key === TAG) && !/^deleted/.test(f.FleetState ?? ""),
        ).map((f) => f.FleetId),
      ),
    remove: ({ clients }, id) =>
      clients.ec2.send(new DeleteFleetsCommand({ FleetIds: [id], TerminateInstances: true })),
  },
  {
    name: "instance",
    look: ({ clients: { ec2: client } }) =>
      all(paginateDescribeInstances({ client }, byTag), (page) =>
        page.Reservations?.flatMap((r) => r.Instances ?? [])
          .filter((i) => i.State?.Name !== "terminated")
          .map((i) => i.InstanceId),
      ),
    remove: ({ clients }, id) => clients.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] })),
  },
  {
    name: "launch template",
    look: ({ clients: { ec2: client } }) =>
      all(paginateDescribeLaunchTemplates({ client }, byTag), (page) =>
        page.LaunchTemplates?.map((t) => t.LaunchTemplateId),
      ),
    remove: ({ clients }, id) => clients.ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: id })),
  },
  {
    name: "volume",
    look: ({ clients: { ec2: client } }) =>
      all(paginateDescribeVolumes({ client }, byTag), (page) => page.Volumes?.map((v) => v.VolumeId)),
    remove: ({ clients }, id) => clients.ec2.send(new DeleteVolumeCommand({ VolumeId: id })),
  },
  {
    name: "subnet",
    look: ({ clients: { ec2: client } }) =>
      all(paginateDescribeSubnets({ client }, byTag), (page) => page.Subnets?.map((s) => s.SubnetId)),
    remove: ({ clients }, id) => clients.ec2.send(new DeleteSubnetCommand({ SubnetId: id })),
  },
  {
    name: "VPC",
    look: ({ clients: { ec2: client } }) =>
      all(paginateDescribeVpcs({ client }, byTag), (page) => page.Vpcs?.map((v) => v.VpcId)),
    remove: ({ clients }, id) => clients.ec2.send(new DeleteVpcCommand({ VpcId: id })),
  },
  {
    name: "instance profile",
    look: async ({ clients: { iam } }) => {
      const found = await iam
        .send(new GetInstanceProfileCommand({ InstanceProfileName: NAME }))
        .catch(missing("NoSuchEntity"));
      return tagged(found?.InstanceProfile?.Tags) ? [NAME] : [];
    },
    remove: async ({ clients: { iam } }, InstanceProfileName) => {
      await iam
        .send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName: NAME }))
        .catch(missing("NoSuchEntity"));
      await iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName }));
    },
  },
  {
    name: "role",
    look: async ({ clients: { iam } }) => {
      const found = await Promise.all(
        [NAME, CALLER].map(async (RoleName) => {
          const role = await iam.send(new GetRoleCommand({ RoleName })).catch(missing("NoSuchEntity"));
          return tagged(role?.Role?.Tags) ? [RoleName] : [];
        }),
      );
      return found.flat();
    },
    remove: async ({ clients: { iam } }, RoleName) => {
      const of = { RoleName, PolicyName: CALLER };
      await iam.send(new DeleteRolePolicyCommand(of)).catch(missing("NoSuchEntity"));
      await iam.send(new DeleteRoleCommand({ RoleName }));
    },
  },
  {
    // No one else makes one of this name in this account; its tag comes a moment after it.
    name: "bucket",
    look: async ({ clients: { s3 }, account, region }) => {
      const Bucket = `${NAME}-${account}-${region}`;
      const there = await s3
        .send(new HeadBucketCommand({ Bucket }))
        .catch(missing("NotFound", "NoSuchBucket"));
      return there === undefined ? [] : [Bucket];
    },
    remove: async ({ clients: { s3 } }, Bucket) => {
      for (;;) {
        const page = await s3.send(new ListObjectVersionsCommand({ Bucket }));
        const Objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(
          ({ Key, VersionId }) => ({
            ...{ Key, VersionId },
          }),
        );
        if (Objects.length === 0) break;
        await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      }
      await s3.send(new DeleteBucketCommand({ Bucket }));
    },
  },
];

const tagged = (tags: readonly { Key?: string | undefined }[] | undefined): boolean =>
  tags?.some((t) => t.Key === TAG) === true;

/** For the `catch` of a look. */
const missing =
  (...codes: readonly string[]) =>
  (error: Error): undefined => {
    if (!codes.some((code) => error.name.startsWith(code))) throw error;
  };

/** A line each: "VPC vpc-…". */
export async function whatIsThere(where: Where): Promise<string[]> {
  const found = await Promise.all(
    kinds.map(async (kind) => (await kind.look(where)).map((id) => `${kind.name} ${id}`)),
  );
  return found.flat();
}

/**
 * Removes all of it, kind by kind, each until it is gone: an instance needs a while, and what it used as long. Safe to
 * repeat. @returns what is left, with AWS's last reason.
 */
export async function tidy(where: Where, say: (text: string) => void): Promise<string[]> {
  const { clock } = where;
  const left: string[] = [];
  for (const kind of kinds) {
    const end = clock.now() + PATIENCE * 1000;
    const told = new Set<string>();
    for (;;) {
      const ids = await kind.look(where);
      if (ids.length === 0) break;
      const why = new Map<string, string>();
      for (const id of ids) {
        if (!told.has(id)) say(`  removing ${kind.name} ${id}`);
        told.add(id);
        await kind.remove(where, id).catch((error: unknown) => why.set(id, messageOf(error)));
      }
      if (clock.now() >= end) {
        left.push(...ids.map((id) => `${kind.name} ${id}${why.has(id) ? `: ${why.get(id)}` : ""}`));
        break;
      }
      await clock.sleep(PAUSE_MS);
    }
  }
  return left;
}
