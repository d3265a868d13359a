import { DescribeImagesCommand, type EC2Client } from "@aws-sdk/client-ec2";
import { GetParameterCommand, type SSMClient } from "@aws-sdk/client-ssm";
import type { Arch } from "../../agent/site/config/fleet.ts";
import type { Image } from "../wanted/image.ts";
import { ignoring, named } from "./errors.ts";

export interface Images {
  /** Id of Debian's newest image; undefined when AWS has none for this release and architecture. */
  newest(os: "debian-12" | "debian-13", arch: Arch): Promise<string | undefined>;
  /** Undefined when the image is gone; one that its owner deprecated is not. */
  find(id: string): Promise<Image | undefined>;
}

/** Public parameters kept by Debian's cloud team: https://wiki.debian.org/Cloud/AmazonEC2Image */
export const imageParameter = (os: "debian-12" | "debian-13", arch: Arch): string =>
  `/aws/service/debian/release/${os.replace("debian-", "")}/latest/${arch === "arm64" ? "arm64" : "amd64"}`;

export function createImages(ec2: EC2Client, ssm: SSMClient): Images {
  return {
    newest: (os, arch) =>
      named("looking for the Debian image", async () => {
        const found = await ssm
          .send(new GetParameterCommand({ Name: imageParameter(os, arch) }))
          .catch(ignoring("ParameterNotFound"));
        return found?.Parameter?.Value;
      }),
    find: (id) =>
      named(`looking at the image ${id}`, async () => {
        const answer = await ec2
          .send(new DescribeImagesCommand({ ImageIds: [id], IncludeDeprecated: true }))
          .catch(ignoring("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"));
        const image = answer?.Images?.find((i) => i.State === undefined || i.State === "available");
        if (image === undefined) return undefined;
        const rootDevice = image.RootDeviceName ?? "/dev/xvda";
        const root = image.BlockDeviceMappings?.find((m) => m.DeviceName === rootDevice);
        const created = new Date(image.CreationDate ?? Number.NaN);
        return { id, arch: image.Architecture ?? "", rootDevice, size: root?.Ebs?.VolumeSize ?? 0, created };
      }),
  };
}
