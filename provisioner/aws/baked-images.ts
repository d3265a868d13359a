import {
  CreateImageCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  type EC2Client,
  type Image,
  paginateDescribeImages,
  paginateDescribeSnapshots,
} from "@aws-sdk/client-ec2";
import { EverspotError } from "../../agent/site/errors.ts";
import { resourceName } from "../../agent/site/names.ts";
import { ignoring, named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { siteFilter, siteTags, tagOf } from "./tags.ts";

/** An image made from one of the site's instances. */
export interface BakedImage {
  id: string;
  /** EC2's word: "pending", "available", "failed", "disabled" … Only an available one can be launched. */
  state: string;
  created: Date;
  /** The Debian image that its disk began as; launched in its place when this one is gone. */
  base: string;
  /** The instance it was made from. */
  from: string;
  arch: string;
  rootDevice: string;
  /** GB of the disk it was made from: an instance's disk must be at least as large. */
  size: number;
  snapshot: string | undefined;
}

export interface Snapshot {
  id: string;
  /** "42%" while it is being made. */
  progress: string;
}

/** Images with the site's tag and the snapshots behind them, which carry the tag too. */
export interface BakedImages {
  /** Newest first. */
  look(): Promise<BakedImage[]>;
  /** All of this site's, even of images that are gone. */
  snapshots(): Promise<Snapshot[]>;
  /**
   * Begins to make an image of a running instance, which goes on running (`NoReboot`), and returns the image's id.
   * `name` must be new; a second call with the same name finds the image of the first.
   */
  create(of: { instance: string; base: string; name: string }): Promise<string>;
  /** If it is gone already, that is no error. */
  remove(image: string): Promise<void>;
  /** Fails while an image uses it. If it is gone already, that is no error. */
  removeSnapshot(id: string): Promise<void>;
}

const BASE_TAG = "everspot:base";
const FROM_TAG = "everspot:from";

export function createBakedImages(client: EC2Client, site: string): BakedImages {
  const look = async (): Promise<BakedImage[]> => {
    const pages = paginateDescribeImages({ client }, { Owners: ["self"], Filters: [siteFilter(site)] });
    const found = await gather(pages, (page) => page.Images);
    return found.map(seen).sort((a, b) => b.created.getTime() - a.created.getTime());
  };
  return {
    look: () => named("looking at the site's images", look),
    snapshots: () =>
      named("looking at the site's snapshots", async () => {
        const pages = paginateDescribeSnapshots(
          { client },
          { OwnerIds: ["self"], Filters: [siteFilter(site)] },
        );
        const found = await gather(pages, (page) => page.Snapshots);
        return found.map((s) => ({ id: s.SnapshotId ?? "", progress: s.Progress ?? "" }));
      }),
    create: ({ instance, base, name }) =>
      named(`making an image of ${instance}`, async () => {
        const tags = [...siteTags(site), { Key: BASE_TAG, Value: base }, { Key: FROM_TAG, Value: instance }];
        const made = await client
          .send(
            new CreateImageCommand({
              InstanceId: instance,
              Name: name,
              Description: `${resourceName(site)}, made from ${instance}`,
              NoReboot: true,
              TagSpecifications: [
                { ResourceType: "image", Tags: tags },
                { ResourceType: "snapshot", Tags: tags },
              ],
            }),
          )
          // An earlier try made it, and its reply was lost.
          .catch(ignoring("InvalidAMIName.Duplicate"));
        const id = made?.ImageId ?? (await byName(client, name));
        if (id === undefined) throw new EverspotError(`${name} was made, but EC2 does not show it`);
        return id;
      }),
    remove: (image) =>
      named(`deregistering ${image}`, async () => {
        await client
          .send(new DeregisterImageCommand({ ImageId: image }))
          .catch(ignoring("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"));
      }),
    removeSnapshot: (id) =>
      named(`deleting the snapshot ${id}`, async () => {
        await client
          .send(new DeleteSnapshotCommand({ SnapshotId: id }))
          .catch(ignoring("InvalidSnapshot.NotFound"));
      }),
  };
}

async function byName(client: EC2Client, name: string): Promise<string | undefined> {
  const filters = [{ Name: "name", Values: [name] }];
  const pages = paginateDescribeImages({ client }, { Owners: ["self"], Filters: filters });
  return (await gather(pages, (page) => page.Images))[0]?.ImageId;
}

function seen(image: Image): BakedImage {
  const rootDevice = image.RootDeviceName ?? "/dev/xvda";
  const root = image.BlockDeviceMappings?.find((m) => m.DeviceName === rootDevice)?.Ebs;
  return {
    id: image.ImageId ?? "",
    state: image.State ?? "available",
    created: new Date(image.CreationDate ?? 0),
    base: tagOf(image.Tags, BASE_TAG) ?? "",
    from: tagOf(image.Tags, FROM_TAG) ?? "",
    arch: image.Architecture ?? "",
    rootDevice,
    size: root?.VolumeSize ?? 0,
    snapshot: root?.SnapshotId,
  };
}
