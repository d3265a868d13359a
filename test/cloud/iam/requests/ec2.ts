import type * as EC2 from "@aws-sdk/client-ec2";
import { type Check, check, type Mapping, requestTags, type World } from "./check.ts";
import { onExisting, onNew, type TagSpecification } from "./ec2-resources.ts";

/** Operations that ask for one permission on each resource their input names in these members. */
const EXISTING: Readonly<Record<string, readonly string[]>> = {
  DeleteVpc: ["VpcId"],
  ModifyVpcAttribute: ["VpcId"],
  DeleteSubnet: ["SubnetId"],
  ModifySubnetAttribute: ["SubnetId"],
  AttachInternetGateway: ["InternetGatewayId", "VpcId"],
  DetachInternetGateway: ["InternetGatewayId", "VpcId"],
  DeleteInternetGateway: ["InternetGatewayId"],
  CreateRoute: ["RouteTableId"],
  ReplaceRoute: ["RouteTableId"],
  DeleteRoute: ["RouteTableId"],
  DeleteRouteTable: ["RouteTableId"],
  AssociateRouteTable: ["RouteTableId", "SubnetId"],
  DeleteSecurityGroup: ["GroupId"],
  AuthorizeSecurityGroupIngress: ["GroupId"],
  AuthorizeSecurityGroupEgress: ["GroupId"],
  RevokeSecurityGroupIngress: ["GroupId"],
  RevokeSecurityGroupEgress: ["GroupId"],
  ModifySecurityGroupRules: ["GroupId"],
  TerminateInstances: ["InstanceIds"],
  StopInstances: ["InstanceIds"],
  StartInstances: ["InstanceIds"],
  RebootInstances: ["InstanceIds"],
  ModifyInstanceAttribute: ["InstanceId"],
  ModifyInstanceMetadataOptions: ["InstanceId"],
  GetConsoleOutput: ["InstanceId"],
  GetLaunchTemplateData: ["InstanceId"],
  DeleteFleets: ["FleetIds"],
  CancelSpotInstanceRequests: ["SpotInstanceRequestIds"],
  DeregisterImage: ["ImageId"],
  ModifyImageAttribute: ["ImageId"],
  DeleteSnapshot: ["SnapshotId"],
  DeleteVolume: ["VolumeId"],
};

/** Operations that make a resource of one type, beside or inside existing ones. */
const CREATING: Readonly<Record<string, { type: string; beside: readonly string[] }>> = {
  CreateVpc: { type: "vpc", beside: [] },
  CreateSubnet: { type: "subnet", beside: ["VpcId"] },
  CreateInternetGateway: { type: "internet-gateway", beside: [] },
  CreateRouteTable: { type: "route-table", beside: ["VpcId"] },
  CreateSecurityGroup: { type: "security-group", beside: ["VpcId"] },
  CreateLaunchTemplate: { type: "launch-template", beside: [] },
  CopyImage: { type: "image", beside: [] },
  CreateSnapshot: { type: "snapshot", beside: ["VolumeId"] },
};

type Input = Readonly<Record<string, unknown>> & { TagSpecifications?: TagSpecification[] };

const idsIn = (input: Input, members: readonly string[]): string[] =>
  members.flatMap((m) => (input[m] === undefined ? [] : (input[m] as string | string[])));

const existing: Mapping = Object.fromEntries(
  Object.entries(EXISTING).map(([action, members]) => [
    action,
    (input: Input, world: World) => onExisting(world, action, idsIn(input, members)),
  ]),
);
const creating: Mapping = Object.fromEntries(
  Object.entries(CREATING).map(([action, { type, beside }]) => [
    action,
    (input: Input, world: World) => [
      ...onNew(world, action, type, input.TagSpecifications),
      ...onExisting(world, action, idsIn(input, beside)),
    ],
  ]),
);

interface Template {
  LaunchTemplateId?: string | undefined;
  LaunchTemplateName?: string | undefined;
  Version?: string | undefined;
}

const onTemplate =
  (action: string) =>
  (input: Template, world: World): Check[] => {
    const id = input.LaunchTemplateId ?? lookUp(input, world)?.id;
    return id === undefined ? [] : onExisting(world, action, [id]);
  };

const lookUp = (template: Template, world: World): ReturnType<World["launchTemplate"]> =>
  world.launchTemplate({
    id: template.LaunchTemplateId,
    name: template.LaunchTemplateName,
    version: template.Version,
  });

/** Handing a role to EC2 is a permission of its own, on the role. */
function passing(world: World, profile: string | undefined): Check[] {
  const role = profile === undefined ? undefined : world.roleOfProfile(profile);
  if (role === undefined) return [];
  return [check("iam:PassRole", role, { "iam:PassedToService": "ec2.amazonaws.com" })];
}

/** A fleet's templates, the subnets of its overrides, and the roles the templates hand out. */
function templates(world: World, action: string, configs: readonly Config[] | undefined): Check[] {
  return (configs ?? []).flatMap((config) => {
    const template = config.LaunchTemplateSpecification ?? {};
    const subnets = new Set((config.Overrides ?? []).map((o) => o.SubnetId));
    return [
      ...onTemplate(action)(template, world),
      ...onExisting(world, action, [...subnets]),
      ...passing(world, lookUp(template, world)?.profile),
    ];
  });
}
interface Config {
  LaunchTemplateSpecification?: Template | undefined;
  Overrides?: { SubnetId?: string | undefined }[] | undefined;
}

const runInstances = (input: EC2.RunInstancesCommandInput, world: World): Check[] => [
  ...["instance", "volume", "network-interface"].flatMap((type) =>
    onNew(world, "RunInstances", type, input.TagSpecifications),
  ),
  ...onExisting(world, "RunInstances", [
    input.ImageId,
    input.SubnetId,
    ...(input.SecurityGroupIds ?? []),
    input.LaunchTemplate === undefined ? undefined : lookUp(input.LaunchTemplate, world)?.id,
  ]),
  ...passing(
    world,
    input.IamInstanceProfile?.Arn ??
      input.IamInstanceProfile?.Name ??
      (input.LaunchTemplate === undefined ? undefined : lookUp(input.LaunchTemplate, world)?.profile),
  ),
];

/**
 * Service Authorization Reference, "Amazon EC2". The operations that describe take "*" and are not listed here.
 * What an EC2 Fleet of type maintain launches, it launches with its service-linked role; its caller needs the
 * fleet, the templates and subnets it names, and `iam:PassRole` (EC2 user guide, "EC2 Fleet prerequisites").
 */
export const ec2: Mapping = {
  ...existing,
  ...creating,
  RunInstances: runInstances,
  CreateFleet: (input: EC2.CreateFleetCommandInput, world) => [
    ...onNew(world, "CreateFleet", "fleet", input.TagSpecifications),
    ...onNew(world, "CreateFleet", "instance", input.TagSpecifications),
    ...templates(world, "CreateFleet", input.LaunchTemplateConfigs),
  ],
  ModifyFleet: (input: EC2.ModifyFleetCommandInput, world) => [
    ...onExisting(world, "ModifyFleet", [input.FleetId]),
    ...templates(world, "ModifyFleet", input.LaunchTemplateConfigs),
  ],
  CreateImage: (input: EC2.CreateImageCommandInput, world) => [
    ...["image", "snapshot"].flatMap((type) => onNew(world, "CreateImage", type, input.TagSpecifications)),
    ...onExisting(world, "CreateImage", [input.InstanceId]),
  ],
  CreateLaunchTemplateVersion: (input: EC2.CreateLaunchTemplateVersionCommandInput, world) =>
    onTemplate("CreateLaunchTemplateVersion")(input, world),
  ModifyInstanceCreditSpecification: (input: EC2.ModifyInstanceCreditSpecificationCommandInput, world) =>
    onExisting(
      world,
      "ModifyInstanceCreditSpecification",
      (input.InstanceCreditSpecifications ?? []).map((s) => s.InstanceId),
    ),
  ModifyLaunchTemplate: onTemplate("ModifyLaunchTemplate"),
  DeleteLaunchTemplate: onTemplate("DeleteLaunchTemplate"),
  DeleteLaunchTemplateVersions: onTemplate("DeleteLaunchTemplateVersions"),
  CreateTags: (input: EC2.CreateTagsCommandInput, world) =>
    onExisting(world, "CreateTags", input.Resources ?? [], requestTags(input.Tags)),
  DeleteTags: (input: EC2.DeleteTagsCommandInput, world) =>
    onExisting(world, "DeleteTags", input.Resources ?? [], {
      "aws:TagKeys": (input.Tags ?? []).map((t) => t.Key ?? ""),
    }),
  DisassociateRouteTable: () => [check("ec2:DisassociateRouteTable", "*")],
  GetSpotPlacementScores: () => [check("ec2:GetSpotPlacementScores", "*")],
};
