/** An instance beside everspot's: no fleet, no launch template, the account's default network. */
import { EC2 } from "@aws-sdk/client-ec2";
import { EverspotError } from "../../../agent/site/errors.ts";
import { debianImages } from "../../../test/cloud/ec2.ts";
import type { RealCloud } from "../../../test/cloud/real.ts";

/** As small as the sample site's. */
const TYPE = "t3.micro";

/** Launches Debian 13. @returns its id. */
export async function launchInstance(
  cloud: RealCloud,
  options: { userData?: string; profile?: string } = {},
): Promise<string> {
  const native = process.arch === "arm64" ? "arm64" : "amd64";
  const image = debianImages.find((i) => i.os === "debian-13" && i.architecture === native);
  const ec2 = new EC2({ endpoint: cloud.endpoint, region: cloud.region });
  try {
    const made = await ec2.runInstances({
      MinCount: 1,
      MaxCount: 1,
      InstanceType: TYPE,
      ImageId: image?.id ?? "",
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
      ...(options.userData === undefined
        ? {}
        : { UserData: Buffer.from(options.userData).toString("base64") }),
      ...(options.profile === undefined ? {} : { IamInstanceProfile: { Name: options.profile } }),
    });
    const id = made.Instances?.[0]?.InstanceId;
    if (id === undefined) throw new EverspotError("EC2 launched nothing");
    return id;
  } finally {
    ec2.destroy();
  }
}

/** Powers it off at once, and lets EC2 know. */
export function endInstance(cloud: RealCloud, instance: string): void {
  cloud.reclaimNow(instance);
}
