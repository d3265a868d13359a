import type { Machines } from "../machines.ts";
import { AwsError } from "../wire/errors.ts";
import type { Delays } from "./delays.ts";
import { chosen, found, incorrectInstanceState, invalid, need } from "./errors.ts";
import { select } from "./filters.ts";
import { type Images, imageShape, type Snapshot, type StoredImage } from "./images.ts";
import type { Instances } from "./instances.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { specifiedTags } from "./tags.ts";

export function imageHandlers(
  place: Place,
  images: Images,
  instances: Instances,
  machines: Machines,
  delays: Delays,
): Handlers {
  const mine = (image: StoredImage) => {
    if (image.owner === place.account) return;
    throw new AwsError("AuthFailure", `Not authorized for image:${image.id}`, 403);
  };
  const ownedBy = (owner: string, owners: readonly string[] | undefined) =>
    owners === undefined || owners.includes(owner) || (owners.includes("self") && owner === place.account);

  const deleteSnapshot = (id: string) => {
    images.snapshots.delete(id);
    place.tags.drop(id);
  };

  const snapshotShape = (snapshot: Snapshot) => ({
    SnapshotId: snapshot.id,
    OwnerId: snapshot.owner,
    VolumeId: snapshot.volumeId,
    VolumeSize: snapshot.sizeGiB,
    Description: snapshot.description,
    State: snapshot.state,
    Progress: snapshot.state === "completed" ? "100%" : "0%",
    StartTime: snapshot.started,
    Encrypted: false,
    Tags: place.tags.of(snapshot.id),
  });

  return {
    DescribeImages: (input) => {
      const wanted = select(
        chosen(images.all, input.ImageIds, "ami").filter((i) => ownedBy(i.owner, input.Owners)),
        input.Filters,
        {
          "image-id": (i) => i.id,
          name: (i) => i.name,
          description: (i) => i.description,
          architecture: (i) => i.architecture,
          state: (i) => i.state,
          "owner-id": (i) => i.owner,
          "root-device-type": () => "ebs",
          "virtualization-type": () => "hvm",
          "is-public": (i) => String(i.owner !== place.account),
          "image-type": () => "machine",
          "block-device-mapping.snapshot-id": (i) => i.snapshotId,
        },
        (i) => place.tags.of(i.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 1, max: 1000 });
      return { Images: items.map((i) => imageShape(place, i)), NextToken: nextToken };
    },

    /** Unless NoReboot is set, EC2 shuts the instance down for it and starts it again. */
    CreateImage: (input) => {
      const instance = instances.find(input.InstanceId);
      const reboot = input.NoReboot !== true;
      const name = need(input.Name, "Name");
      if (!/^[a-zA-Z0-9()[\] ./\-'@_]{3,128}$/.test(name)) {
        throw new AwsError(
          "InvalidAMIName.Malformed",
          `AMI names must be between 3 and 128 characters long: ${name}`,
        );
      }
      if (instance.state !== "running" && instance.state !== "stopped") {
        throw incorrectInstanceState(
          `The instance '${instance.id}' is not in the 'running' or 'stopped' state.`,
        );
      }
      const types = ["image", "snapshot"] as const;
      const image = images.add(
        {
          name,
          description: input.Description ?? "",
          architecture: instance.spec.type.arch,
          instanceId: instance.id,
          volumeId: instance.volumeId,
          sizeGiB: instances.volumes.get(instance.volumeId)?.sizeGiB ?? 8,
        },
        {
          image: specifiedTags(input.TagSpecifications, "image", types),
          snapshot: specifiedTags(input.TagSpecifications, "snapshot", types),
        },
      );
      place.jobs.start(`CreateImage ${image.id}`, async () => {
        try {
          await instances.snapshot(instance, image.id, { reboot });
          await place.jobs.sleep(delays.image);
          images.complete(image);
        } catch (error) {
          image.state = "failed";
          throw error;
        }
      });
      return { ImageId: image.id };
    },

    DeregisterImage: async (input) => {
      const image = found(images.all, input.ImageId, "ami", "ImageId");
      mine(image);
      images.remove(image.id);
      await machines.removeImage(image.id);
      if (input.DeleteAssociatedSnapshots !== true) return { Return: true };
      deleteSnapshot(image.snapshotId);
      return {
        Return: true,
        DeleteSnapshotResults: [{ SnapshotId: image.snapshotId, ReturnCode: "success" as const }],
      };
    },

    DescribeSnapshots: (input) => {
      const wanted = select(
        chosen(images.snapshots, input.SnapshotIds, "snap").filter((s) => ownedBy(s.owner, input.OwnerIds)),
        input.Filters,
        {
          "snapshot-id": (s) => s.id,
          "volume-id": (s) => s.volumeId,
          "owner-id": (s) => s.owner,
          description: (s) => s.description,
          status: (s) => s.state,
        },
        (s) => place.tags.of(s.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { Snapshots: items.map(snapshotShape), NextToken: nextToken };
    },

    DeleteSnapshot: (input) => {
      const snapshot = found(images.snapshots, input.SnapshotId, "snap", "SnapshotId");
      if (snapshot.owner !== place.account) throw invalid(`Not authorized for snapshot ${snapshot.id}`);
      const user = [...images.all.values()].find((i) => i.snapshotId === snapshot.id);
      if (user !== undefined) {
        throw new AwsError(
          "InvalidSnapshot.InUse",
          `The snapshot ${snapshot.id} is currently in use by ${user.id}`,
        );
      }
      deleteSnapshot(snapshot.id);
      return {};
    },
  };
}
