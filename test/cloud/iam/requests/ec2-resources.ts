import { ContractError } from "../../wire/server.ts";
import { type Check, check, requestTags, resourceTags, type World } from "./check.ts";

/** Resource type of an id, by its prefix. */
const TYPES: Readonly<Record<string, string>> = {
  ami: "image",
  eipalloc: "elastic-ip",
  eni: "network-interface",
  fleet: "fleet",
  i: "instance",
  igw: "internet-gateway",
  lt: "launch-template",
  rtb: "route-table",
  sg: "security-group",
  sgr: "security-group-rule",
  sir: "spot-instances-request",
  snap: "snapshot",
  subnet: "subnet",
  vol: "volume",
  vpc: "vpc",
};

/** `id` "*" for one that is about to be made. Images and snapshots carry no account. */
export function ec2Arn(world: World, type: string, id: string): string {
  const account = type === "image" || type === "snapshot" ? "" : world.account;
  return `arn:aws:ec2:${world.region}:${account}:${type}/${id}`;
}

export function typeOfId(id: string): string {
  const type = TYPES[id.split("-")[0] ?? ""];
  if (type === undefined) throw new ContractError(`no EC2 resource type is modelled for ${id}`);
  return type;
}

const region = (world: World): Check["context"] => ({ "ec2:Region": world.region });

/** The action on resources that exist, with the tags they have. */
export function onExisting(
  world: World,
  action: string,
  ids: readonly (string | undefined)[],
  more: Check["context"] = {},
): Check[] {
  return ids.flatMap((id) => {
    if (id === undefined) return [];
    const arn = ec2Arn(world, typeOfId(id), id);
    return [check(`ec2:${action}`, arn, { ...region(world), ...resourceTags(world, arn, "ec2"), ...more })];
  });
}

export interface TagSpecification {
  ResourceType?: string | undefined;
  Tags?: { Key?: string | undefined; Value?: string | undefined }[] | undefined;
}

/**
 * The action on a resource it will make, and `ec2:CreateTags` when it is to be tagged at once
 * (EC2 user guide, "Grant permission to tag Amazon EC2 resources during creation").
 */
export function onNew(
  world: World,
  action: string,
  type: string,
  specifications: readonly TagSpecification[] | undefined,
): Check[] {
  const tags = specifications?.find((s) => s.ResourceType === type)?.Tags;
  const arn = ec2Arn(world, type, "*");
  const context = { ...region(world), ...requestTags(tags) };
  if (tags === undefined || tags.length === 0) return [check(`ec2:${action}`, arn, context)];
  return [
    check(`ec2:${action}`, arn, context),
    check("ec2:CreateTags", arn, { ...context, "ec2:CreateAction": action }),
  ];
}
