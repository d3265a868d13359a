import {
  AssociateRouteTableCommand,
  AttachInternetGatewayCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateInternetGatewayCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteInternetGatewayCommand,
  DeleteRouteTableCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  DetachInternetGatewayCommand,
  DisassociateRouteTableCommand,
  type EC2Client,
  type ResourceType,
} from "@aws-sdk/client-ec2";
import { resourceName } from "../../agent/site/names.ts";
import type { Rule } from "../wanted/ingress.ts";
import { Tokens } from "./clients.ts";
import { closePorts } from "./close-ports.ts";
import { hasCode, ignoring, named } from "./errors.ts";
import { fromRules } from "./ingress.ts";
import { type Holding, inTheWay, lookAtNetwork, type NetworkSeen } from "./network-look.ts";
import { siteTags } from "./tags.ts";

/**
 * The site's own network. Creating is safe to repeat for everything but VPC, gateway and subnet, which throw
 * ReplyLost when AWS gave no answer. Deleting what is gone already is no error; deleting what is still in use
 * is one (`DependencyViolation`, as the cause).
 */
export interface Network {
  look(): Promise<NetworkSeen>;
  createVpc(cidr: string): Promise<string>;
  createGateway(): Promise<string>;
  attachGateway(gateway: string, vpc: string): Promise<void>;
  createSubnet(vpc: string, zone: string, cidr: string): Promise<string>;
  createRouteTable(vpc: string): Promise<string>;
  routeToInternet(table: string, gateway: string): Promise<void>;
  associate(table: string, subnet: string): Promise<void>;
  createGroup(vpc: string, description: string): Promise<string>;
  allow(group: string, rules: readonly Rule[]): Promise<void>;
  /** @throws NotYet while EC2 still shows one of them. */
  revoke(group: string, rules: readonly Rule[]): Promise<void>;
  deleteGroup(id: string): Promise<void>;
  disassociate(association: string): Promise<void>;
  deleteRouteTable(id: string): Promise<void>;
  deleteSubnet(id: string): Promise<void>;
  detachGateway(gateway: string, vpc: string): Promise<void>;
  deleteGateway(id: string): Promise<void>;
  deleteVpc(id: string): Promise<void>;
  /** What of others keeps it from being deleted, a line each. @param own the site's instances. */
  inTheWay(of: Holding, own: ReadonlySet<string>): Promise<string[]>;
}

export function createNetwork(client: EC2Client, site: string): Network {
  const tokens = new Tokens();
  const tagged = (type: ResourceType) => [{ ResourceType: type, Tags: siteTags(site) }];
  /** How EC2's error codes for what is gone already end: InvalidVpcID.NotFound, Gateway.NotAttached. */
  const unlessGone = (doing: string, run: () => Promise<unknown>) =>
    named(doing, () =>
      run().then(
        () => undefined,
        (error: unknown) => {
          if (!(error instanceof Error && /\.NotFound$|\.NotAttached$/.test(error.name))) throw error;
        },
      ),
    );
  const unlessDone = (doing: string, code: string, run: () => Promise<unknown>) =>
    named(doing, () => run().then(() => undefined, ignoring(code)));

  return {
    look: () => named("looking at the network", () => lookAtNetwork(client, site)),
    createVpc: (cidr) =>
      named("creating the VPC", async () => {
        const made = await client.send(
          new CreateVpcCommand({ CidrBlock: cidr, TagSpecifications: tagged("vpc") }),
        );
        return made.Vpc?.VpcId ?? "";
      }),
    createGateway: () =>
      named("creating the internet gateway", async () => {
        const made = await client.send(
          new CreateInternetGatewayCommand({ TagSpecifications: tagged("internet-gateway") }),
        );
        return made.InternetGateway?.InternetGatewayId ?? "";
      }),
    attachGateway: (gateway, vpc) =>
      unlessDone("attaching the internet gateway", "Resource.AlreadyAssociated", () =>
        client.send(new AttachInternetGatewayCommand({ InternetGatewayId: gateway, VpcId: vpc })),
      ),
    createSubnet: (vpc, zone, cidr) =>
      named(`creating the subnet in ${zone}`, async () => {
        const made = await client.send(
          new CreateSubnetCommand({
            VpcId: vpc,
            AvailabilityZone: zone,
            CidrBlock: cidr,
            TagSpecifications: tagged("subnet"),
          }),
        );
        return made.Subnet?.SubnetId ?? "";
      }),
    createRouteTable: (vpc) =>
      named("creating the route table", async () => {
        const request = { VpcId: vpc, TagSpecifications: tagged("route-table") };
        const made = await tokens.during(request, (ClientToken) =>
          client.send(new CreateRouteTableCommand({ ...request, ClientToken })),
        );
        return made.RouteTable?.RouteTableId ?? "";
      }),
    routeToInternet: (table, gateway) =>
      unlessDone("adding the route to the internet", "RouteAlreadyExists", () =>
        client.send(
          new CreateRouteCommand({
            RouteTableId: table,
            DestinationCidrBlock: "0.0.0.0/0",
            GatewayId: gateway,
          }),
        ),
      ),
    associate: (table, subnet) =>
      unlessDone("associating the route table", "Resource.AlreadyAssociated", () =>
        client.send(new AssociateRouteTableCommand({ RouteTableId: table, SubnetId: subnet })),
      ),
    createGroup: (vpc, description) =>
      named("creating the security group", async () => {
        try {
          const made = await client.send(
            new CreateSecurityGroupCommand({
              GroupName: resourceName(site),
              Description: description,
              VpcId: vpc,
              TagSpecifications: tagged("security-group"),
            }),
          );
          return made.GroupId ?? "";
        } catch (error) {
          const mine = hasCode(error, "InvalidGroup.Duplicate")
            ? (await lookAtNetwork(client, site)).groups.find((g) => g.vpc === vpc)
            : undefined;
          if (mine === undefined) throw error;
          return mine.id;
        }
      }),
    // Only missing rules are asked for, so a duplicate means that an earlier try of this call succeeded.
    allow: (group, rules) =>
      unlessDone("opening ports of the security group", "InvalidPermission.Duplicate", () =>
        client.send(
          new AuthorizeSecurityGroupIngressCommand({
            GroupId: group,
            IpPermissions: fromRules(rules, group),
          }),
        ),
      ),
    revoke: (group, rules) =>
      named("closing ports of the security group", () => closePorts(client, group, rules)),
    deleteGroup: (id) =>
      unlessGone("deleting the security group", () =>
        client.send(new DeleteSecurityGroupCommand({ GroupId: id })),
      ),
    disassociate: (id) =>
      unlessGone("disassociating the route table", () =>
        client.send(new DisassociateRouteTableCommand({ AssociationId: id })),
      ),
    deleteRouteTable: (id) =>
      unlessGone("deleting the route table", () =>
        client.send(new DeleteRouteTableCommand({ RouteTableId: id })),
      ),
    deleteSubnet: (id) =>
      unlessGone("deleting a subnet", () => client.send(new DeleteSubnetCommand({ SubnetId: id }))),
    detachGateway: (gateway, vpc) =>
      unlessGone("detaching the internet gateway", () =>
        client.send(new DetachInternetGatewayCommand({ InternetGatewayId: gateway, VpcId: vpc })),
      ),
    deleteGateway: (id) =>
      unlessGone("deleting the internet gateway", () =>
        client.send(new DeleteInternetGatewayCommand({ InternetGatewayId: id })),
      ),
    deleteVpc: (id) => unlessGone("deleting the VPC", () => client.send(new DeleteVpcCommand({ VpcId: id }))),
    inTheWay: (of, own) => named("looking for what is in the way", () => inTheWay(client, site, of, own)),
  };
}
