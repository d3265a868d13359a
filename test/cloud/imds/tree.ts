import type { InstanceView } from "../ec2/instance-view.ts";

/** A value, or a category with its entries in the order they are listed. */
export type Node = string | Uint8Array | { readonly [name: string]: Node };

/** What is below /latest/ for an instance now, as "Instance metadata categories" of the EC2 user guide lists it. */
export function metadataTree(view: InstanceView, started: Date): { readonly [name: string]: Node } {
  return {
    dynamic: { "instance-identity": { document: identityDocument(view, started) } },
    "meta-data": metaData(view),
    ...(view.userData === undefined ? {} : { "user-data": view.userData }),
  };
}

function metaData(view: InstanceView): Node {
  const mac = macOf(view.privateAddress);
  const spot = view.spotAction();
  const rebalance = view.rebalance();
  const role = iam(view);
  return {
    "ami-id": view.imageId,
    "ami-launch-index": "0",
    "ami-manifest-path": "(unknown)",
    "block-device-mapping": { ami: "/dev/xvda", root: "/dev/xvda" },
    events: {
      maintenance: { history: "[]", scheduled: "[]" },
      ...(rebalance && {
        recommendations: { rebalance: JSON.stringify({ noticeTime: second(rebalance.noticeTime) }) },
      }),
    },
    hostname: view.hostname,
    ...(role && { iam: role }),
    "instance-action": "none",
    "instance-id": view.instanceId,
    "instance-life-cycle": view.lifecycle,
    "instance-type": view.instanceType,
    "local-hostname": view.hostname,
    "local-ipv4": view.privateAddress,
    mac,
    network: { interfaces: { macs: { [mac]: networkInterface(view, mac) } } },
    placement: {
      "availability-zone": view.availabilityZone,
      "availability-zone-id": view.availabilityZoneId,
      region: view.region,
    },
    profile: "default-hvm",
    ...(view.publicAddress && { "public-hostname": view.hostname, "public-ipv4": view.publicAddress }),
    "reservation-id": view.reservationId,
    "security-groups": view.securityGroups.join("\n"),
    services: { domain: "amazonaws.com", partition: "aws" },
    ...(spot && {
      spot: {
        "instance-action": JSON.stringify({ action: spot.action, time: second(spot.time) }),
        // "only present if the Spot Instance has been marked for termination".
        ...(spot.action === "terminate" && { "termination-time": second(spot.time) }),
      },
    }),
    ...(view.metadata.tags && { tags: { instance: view.tags() } }),
  };
}

function networkInterface(view: InstanceView, mac: string): Node {
  return {
    "device-number": "0",
    "local-hostname": view.hostname,
    "local-ipv4s": view.privateAddress,
    mac,
    "owner-id": view.accountId,
    ...(view.publicAddress && { "public-hostname": view.hostname, "public-ipv4s": view.publicAddress }),
    "security-groups": view.securityGroups.join("\n"),
    "subnet-id": view.subnetId,
    "vpc-id": view.vpcId,
  };
}

function iam(view: InstanceView): Node | undefined {
  if (view.profile === undefined) return undefined;
  const { roleName, arn, id } = view.profile;
  const credentials = view.credentials();
  const updated = second(credentials?.lastUpdated ?? new Date(0));
  return {
    info: JSON.stringify(
      { Code: "Success", LastUpdated: updated, InstanceProfileArn: arn, InstanceProfileId: id },
      undefined,
      2,
    ),
    ...(roleName !== undefined &&
      credentials !== undefined && {
        "security-credentials": {
          [roleName]: JSON.stringify(
            {
              Code: "Success",
              LastUpdated: updated,
              Type: "AWS-HMAC",
              AccessKeyId: credentials.accessKeyId,
              SecretAccessKey: credentials.secretAccessKey,
              Token: credentials.sessionToken,
              Expiration: second(credentials.expiration),
            },
            undefined,
            2,
          ),
        },
      }),
  };
}

function identityDocument(view: InstanceView, started: Date): string {
  return JSON.stringify(
    {
      accountId: view.accountId,
      architecture: view.architecture,
      availabilityZone: view.availabilityZone,
      billingProducts: null,
      devpayProductCodes: null,
      imageId: view.imageId,
      instanceId: view.instanceId,
      instanceType: view.instanceType,
      kernelId: null,
      marketplaceProductCodes: null,
      pendingTime: second(started),
      privateIp: view.privateAddress,
      ramdiskId: null,
      region: view.region,
      version: "2017-09-30",
    },
    undefined,
    2,
  );
}

/** EC2's addresses are locally administered and change with the network interface. */
const macOf = (address: string) =>
  `02:00:${address
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join(":")}`;

/** "2026-11-21T12:00:00Z" */
const second = (date: Date) => date.toISOString().replace(/\.\d+Z$/, "Z");

/**
 * The answer to a path below /latest/: a value, or a category's names, one a line, "/" after categories.
 * A category is found with and without a final slash, a value only without.
 */
export function lookUp(tree: Node, path: string): string | Uint8Array | undefined {
  const parts = path.split("/");
  const slash = parts.at(-1) === "";
  if (slash) parts.pop();
  let node: Node | undefined = tree;
  for (const part of parts) {
    if (node === undefined || typeof node === "string" || node instanceof Uint8Array) return undefined;
    node = Object.hasOwn(node, part) ? node[part] : undefined;
  }
  if (node === undefined) return undefined;
  if (typeof node === "string" || node instanceof Uint8Array) return slash ? undefined : node;
  return Object.entries(node)
    .map(([name, child]) => (typeof child === "string" || child instanceof Uint8Array ? name : `${name}/`))
    .join("\n");
}
