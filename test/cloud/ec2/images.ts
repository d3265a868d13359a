import type { Image, Tag } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { newId } from "./ids.ts";
import type { Place } from "./place.ts";

/** The account Debian publishes its images from. https://wiki.debian.org/Cloud/AmazonEC2Image */
const DEBIAN = "136693071363";

export interface DebianImage {
  id: string;
  os: "debian-12" | "debian-13";
  /** As in the SSM parameters /aws/service/debian/release/<12|13>/latest/<architecture>. */
  architecture: "amd64" | "arm64";
}

/** Debian's images, as they are in every region here. */
export const debianImages: readonly DebianImage[] = [
  { id: "ami-0deb12000000a0064", os: "debian-12", architecture: "amd64" },
  { id: "ami-0deb12000000b0064", os: "debian-12", architecture: "arm64" },
  { id: "ami-0deb13000000a0064", os: "debian-13", architecture: "amd64" },
  { id: "ami-0deb13000000b0064", os: "debian-13", architecture: "arm64" },
];

export interface StoredImage {
  id: string;
  name: string;
  description: string;
  owner: string;
  architecture: "arm64" | "x86_64";
  state: "pending" | "available" | "failed";
  created: Date;
  snapshotId: string;
  sizeGiB: number;
  sourceInstanceId: string | undefined;
}

export interface Snapshot {
  id: string;
  owner: string;
  volumeId: string;
  description: string;
  state: "pending" | "completed";
  started: Date;
  sizeGiB: number;
}

/** Images that can be launched and the snapshots they stand on. */
export class Images {
  readonly all = new Map<string, StoredImage>();
  readonly snapshots = new Map<string, Snapshot>();
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    for (const { id, os, architecture } of debianImages) {
      const created = new Date("2026-10-13T08:00:00Z");
      const snapshot = this.#snapshot({
        owner: DEBIAN,
        volumeId: "vol-ffffffff",
        sizeGiB: 8,
        description: "",
        started: created,
      });
      this.all.set(id, {
        id,
        name: `${os}-${architecture}-20261013-2258`,
        description: `Debian ${os.slice(7)} (20261013-2258)`,
        owner: DEBIAN,
        architecture: architecture === "amd64" ? "x86_64" : "arm64",
        state: "available",
        created,
        snapshotId: snapshot.id,
        sizeGiB: snapshot.sizeGiB,
        sourceInstanceId: undefined,
      });
    }
  }

  /** A pending image of this account and its pending snapshot. @throws AwsError InvalidAMIName.Duplicate */
  add(
    of: Pick<StoredImage, "name" | "description" | "architecture" | "sizeGiB"> & {
      instanceId: string;
      volumeId: string;
    },
    tags: { image: Tag[]; snapshot: Tag[] },
  ): StoredImage {
    const known = [...this.all.values()].find((i) => i.owner === this.#place.account && i.name === of.name);
    if (known !== undefined) {
      throw new AwsError(
        "InvalidAMIName.Duplicate",
        `AMI name ${of.name} is already in use by AMI ${known.id}`,
      );
    }
    const id = newId("ami");
    const snapshot = this.#snapshot({
      owner: this.#place.account,
      volumeId: of.volumeId,
      sizeGiB: of.sizeGiB,
      description: `Created by CreateImage(${of.instanceId}) for ${id}`,
      started: this.#place.jobs.now(),
    });
    snapshot.state = "pending";
    this.#place.tags.adopt(snapshot.id, "snapshot", tags.snapshot);
    const image: StoredImage = {
      id,
      name: of.name,
      description: of.description,
      owner: this.#place.account,
      architecture: of.architecture,
      state: "pending",
      created: this.#place.jobs.now(),
      snapshotId: snapshot.id,
      sizeGiB: of.sizeGiB,
      sourceInstanceId: of.instanceId,
    };
    this.all.set(id, image);
    this.#place.tags.adopt(id, "image", tags.image);
    return image;
  }

  complete(image: StoredImage): void {
    image.state = "available";
    const snapshot = this.snapshots.get(image.snapshotId);
    if (snapshot !== undefined) snapshot.state = "completed";
  }

  /** @throws AwsError InvalidAMIID.NotFound | InvalidAMIID.Unavailable, as a launch does. */
  launchable(id: string): StoredImage {
    if (!/^ami-[0-9a-f]{8,17}$/.test(id)) throw new AwsError("InvalidAMIID.Malformed", `Invalid id: "${id}"`);
    const image = this.all.get(id);
    if (image === undefined)
      throw new AwsError("InvalidAMIID.NotFound", `The image id '[${id}]' does not exist`);
    if (image.state !== "available") {
      throw new AwsError(
        "InvalidAMIID.Unavailable",
        `The image ID '${id}' is not available; it is ${image.state}.`,
      );
    }
    return image;
  }

  /** Gone, as when its owner deregisters it; instances that run from it go on. */
  remove(id: string): void {
    this.all.delete(id);
    this.#place.tags.drop(id);
  }

  #snapshot(of: Pick<Snapshot, "owner" | "volumeId" | "sizeGiB" | "description" | "started">): Snapshot {
    const snapshot: Snapshot = { id: newId("snap"), state: "completed", ...of };
    this.snapshots.set(snapshot.id, snapshot);
    return snapshot;
  }
}

export const imageShape = (place: Place, image: StoredImage): Image => ({
  ImageId: image.id,
  Name: image.name,
  Description: image.description,
  OwnerId: image.owner,
  Architecture: image.architecture,
  State: image.state,
  CreationDate: image.created.toISOString(),
  ImageLocation: `${image.owner}/${image.name}`,
  ImageType: "machine",
  Public: image.owner !== place.account,
  PlatformDetails: "Linux/UNIX",
  RootDeviceName: "/dev/xvda",
  RootDeviceType: "ebs",
  VirtualizationType: "hvm",
  Hypervisor: "xen",
  EnaSupport: true,
  SourceInstanceId: image.sourceInstanceId,
  BlockDeviceMappings: [
    {
      DeviceName: "/dev/xvda",
      Ebs: {
        SnapshotId: image.snapshotId,
        VolumeSize: image.sizeGiB,
        VolumeType: "gp3",
        DeleteOnTermination: true,
        Encrypted: false,
      },
    },
  ],
  Tags: place.tags.of(image.id),
});
