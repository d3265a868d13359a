import { CreateServiceLinkedRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import type { Acm } from "./acm.ts";
import { debianImages } from "./ec2.ts";
import { ADMIN } from "./iam/iam.ts";
import type { S3 } from "./s3.ts";
import type { WireServer } from "./wire/server.ts";

/** Where Debian tells the ids of its newest images. */
export const debianParameters = (): Record<string, string> =>
  Object.fromEntries(
    debianImages.map(({ id, os, architecture }) => [
      `/aws/service/debian/release/${os.replace("debian-", "")}/latest/${architecture}`,
      id,
    ]),
  );

export const tagsOfCertificate = (acm: Acm, arn: string): Record<string, string> | undefined => {
  const certificate = acm.certificates.all.get(arn);
  return certificate === undefined ? undefined : Object.fromEntries(certificate.tags);
};

/** JSON, undefined when the bucket has none. */
export const policyOf = (s3: S3, bucket: string): string | undefined =>
  (s3.buckets.get(bucket)?.settings.get("Policy") as { Policy?: string } | undefined)?.Policy;

/** As the account's owner would, long before: the calls are not counted. */
export async function addServiceLinkedRoles(wire: WireServer, region: string): Promise<void> {
  const client = new IAMClient({ endpoint: wire.endpoint, region, credentials: ADMIN });
  for (const AWSServiceName of ["ec2fleet.amazonaws.com", "spot.amazonaws.com"]) {
    await client.send(new CreateServiceLinkedRoleCommand({ AWSServiceName }));
  }
  client.destroy();
  wire.calls.length = 0;
}

/** For child processes: the endpoint, the owner's keys, and nothing that could lead to a real account. */
export const environment = (endpoint: string, region: string): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: region,
  AWS_DEFAULT_REGION: region,
  AWS_ACCESS_KEY_ID: ADMIN.accessKeyId,
  AWS_SECRET_ACCESS_KEY: ADMIN.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
});
