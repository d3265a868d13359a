import type { RequestLaunchTemplateData, RunInstancesRequest } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { combination, invalid, need } from "./errors.ts";
import { select } from "./filters.ts";
import { newId } from "./ids.ts";
import { type Instance, stateShape } from "./instance.ts";
import { instanceShape } from "./instance-shape.ts";
import type { Instances } from "./instances.ts";
import { checkPool, type LaunchWorld, launchSpec } from "./launch-spec.ts";
import type { Templates } from "./launch-templates.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import { spotRoleMissing } from "./service-linked-roles.ts";
import { templateTags } from "./template-tags.ts";

export function instanceHandlers(world: LaunchWorld, instances: Instances, templates: Templates): Handlers {
  const { place, network } = world;
  const shape = (instance: Instance) => instanceShape(place, network, instance);
  const named = (ids: readonly string[] | undefined) =>
    need(ids, "InstanceId").map((id) => instances.find(id));
  /** Both states of each, as the calls that change them answer. */
  const changed = (ids: readonly string[] | undefined, change: (instance: Instance) => void) =>
    named(ids).map((instance) => {
      const before = instance.state;
      change(instance);
      return {
        InstanceId: instance.id,
        PreviousState: stateShape(before),
        CurrentState: stateShape(instance.state),
      };
    });

  return {
    RunInstances: (input) => {
      const { data, systemTags } = launchData(templates, input);
      const market = data.InstanceMarketOptions?.MarketType === "spot" ? "spot" : "on-demand";
      if (market === "spot" && !world.profiles.hasServiceLinkedRole("spot.amazonaws.com"))
        throw spotRoleMissing();
      const spec = launchSpec(world, data, market);
      checkPool(world, spec);
      const { MinCount, MaxCount } = input;
      if (need(MinCount, "MinCount") < 1 || need(MaxCount, "MaxCount") < (MinCount ?? 1)) {
        throw invalid("MaxCount must be at least MinCount, and MinCount at least 1.");
      }
      const reservationId = newId("r");
      const origin = { reservationId, clientToken: input.ClientToken, systemTags };
      const launched = Array.from({ length: MaxCount ?? 1 }, () => instances.launch(spec, origin));
      return {
        ReservationId: reservationId,
        OwnerId: place.account,
        Groups: [],
        Instances: launched.map(shape),
      };
    },

    DescribeInstances: (input) => {
      if (input.InstanceIds?.length && input.MaxResults !== undefined) {
        throw combination("The parameter instancesSet cannot be used with the parameter maxResults");
      }
      const seen = instances.seen();
      const all = input.InstanceIds?.length ? input.InstanceIds.map((id) => instances.find(id, seen)) : seen;
      const wanted = select(
        all,
        input.Filters,
        {
          "instance-id": (i) => i.id,
          "instance-state-name": (i) => i.state,
          "instance-state-code": (i) => String(stateShape(i.state).Code),
          "instance-type": (i) => i.spec.type.name,
          "instance-lifecycle": (i) => (i.spec.market === "spot" ? "spot" : undefined),
          "image-id": (i) => i.spec.image.id,
          architecture: (i) => i.spec.type.arch,
          "availability-zone": (i) => i.spec.subnet.zone,
          "vpc-id": (i) => network.interfaces.get(i.interfaceId)?.vpcId,
          "subnet-id": (i) => network.interfaces.get(i.interfaceId)?.subnetId,
          "instance.group-id": (i) => network.interfaces.get(i.interfaceId)?.groupIds,
          "network-interface.group-id": (i) => network.interfaces.get(i.interfaceId)?.groupIds,
          "ip-address": (i) => network.interfaces.get(i.interfaceId)?.publicIp,
          "private-ip-address": (i) => network.interfaces.get(i.interfaceId)?.privateIp,
          "iam-instance-profile.arn": (i) => i.spec.profile?.arn,
          "spot-instance-request-id": (i) => i.spotRequestId,
          "reservation-id": (i) => i.reservationId,
          "client-token": (i) => i.clientToken,
        },
        (i) => place.tags.of(i.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      const reservations = [...new Set(items.map((i) => i.reservationId))];
      return {
        Reservations: reservations.map((ReservationId) => ({
          ReservationId,
          OwnerId: place.account,
          Groups: [],
          Instances: items.filter((i) => i.reservationId === ReservationId).map(shape),
        })),
        NextToken: nextToken,
      };
    },

    DescribeInstanceStatus: (input) => {
      const all = input.InstanceIds?.length ? named(input.InstanceIds) : instances.list();
      const stopped = input.IncludeAllInstances === true;
      const wanted = select(
        all.filter((i) => stopped || i.state === "running"),
        input.Filters,
        {
          "availability-zone": (i) => i.spec.subnet.zone,
          "instance-state-name": (i) => i.state,
          "instance-status.status": status,
          "system-status.status": (i) => (i.state === "running" ? "ok" : "not-applicable"),
        },
        (i) => place.tags.of(i.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return {
        InstanceStatuses: items.map((i) => ({
          InstanceId: i.id,
          AvailabilityZone: i.spec.subnet.zone,
          InstanceState: stateShape(i.state),
          InstanceStatus: { Status: status(i) },
          SystemStatus: { Status: i.state === "running" ? ("ok" as const) : ("not-applicable" as const) },
        })),
        NextToken: nextToken,
      };
    },

    TerminateInstances: (input) => ({
      TerminatingInstances: changed(input.InstanceIds, (i) =>
        instances.terminate(i, "Client.UserInitiatedShutdown"),
      ),
    }),
    StopInstances: (input) => {
      const force = input.Force === true;
      const stop = (instance: Instance) =>
        instances.stop(instance, "Client.UserInitiatedShutdown", { force });
      return { StoppingInstances: changed(input.InstanceIds, stop) };
    },
    StartInstances: (input) => ({ StartingInstances: changed(input.InstanceIds, (i) => instances.start(i)) }),
    RebootInstances: (input) => {
      for (const instance of named(input.InstanceIds)) instances.reboot(instance);
      return {};
    },
  };
}

const status = (instance: Instance) => {
  if (instance.state !== "running") return "not-applicable";
  return instance.impairedSince === undefined ? "ok" : "impaired";
};

/** The parameters of a call laid over those of its launch template. */
function launchData(templates: Templates, input: RunInstancesRequest) {
  const named = input.LaunchTemplate;
  const template = named === undefined ? undefined : templates.find(named);
  const version = template === undefined ? undefined : templates.version(template, named?.Version);
  const base: RequestLaunchTemplateData = version?.data ?? {};
  if (input.SubnetId !== undefined && base.NetworkInterfaces?.length) {
    throw new AwsError(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level subnet ID may not be specified on the same request",
    );
  }
  const own: RequestLaunchTemplateData = {
    ImageId: input.ImageId,
    InstanceType: input.InstanceType,
    UserData: input.UserData,
    KeyName: input.KeyName,
    IamInstanceProfile: input.IamInstanceProfile,
    InstanceMarketOptions: input.InstanceMarketOptions,
    InstanceInitiatedShutdownBehavior: input.InstanceInitiatedShutdownBehavior,
    MetadataOptions: input.MetadataOptions,
    BlockDeviceMappings: input.BlockDeviceMappings,
    TagSpecifications: input.TagSpecifications,
    Placement: input.Placement,
    ...networkOf(input),
  };
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return {
    data: { ...base, ...given } as RequestLaunchTemplateData,
    systemTags: template === undefined || version === undefined ? [] : templateTags(template, version),
  };
}

/** The groups and subnet of a call, as those of its one interface. */
function networkOf(input: RunInstancesRequest): RequestLaunchTemplateData {
  const { NetworkInterfaces, SubnetId, SecurityGroupIds } = input;
  if (SubnetId === undefined) return { NetworkInterfaces, SecurityGroupIds };
  if (NetworkInterfaces !== undefined) {
    throw combination(
      "Network interfaces and an instance-level subnet ID may not be specified on the same request",
    );
  }
  return { NetworkInterfaces: [{ SubnetId, Groups: SecurityGroupIds }] };
}
