import { afterEach, beforeEach, expect, test } from "vitest";
import { startCloud } from "./cloud.ts";
import { client, type Ec2Site, startEc2Site } from "./ec2-site.ts";
import { simulatedMachines } from "./machines.ts";

let site: Ec2Site;
beforeEach(async () => {
  site = await startEc2Site({ delays: { fleetReplace: 10_000 } });
});
afterEach(async () => {
  await site.cloud.close();
  expect(site.cloud.faults()).toEqual([]);
  expect(site.clock.sleeping).toBe(0);
});

const only = <T>(items: readonly T[]): T => {
  expect(items).toHaveLength(1);
  return items[0] as T;
};
const target = (TotalTargetCapacity: number) => ({
  TargetCapacitySpecification: { TotalTargetCapacity, DefaultTargetCapacityType: "spot" as const },
});

test("a fleet launches its target from the template, with the tags of all three", async () => {
  const fleetId = await site.fleet();
  const id = only(await site.members(fleetId));
  const page = await site.ec2.describeInstances({ InstanceIds: [id] });
  const instance = page.Reservations?.[0]?.Instances?.[0];
  expect(instance).toMatchObject({
    InstanceLifecycle: "spot",
    InstanceType: "t4g.nano",
    State: { Name: "running", Code: 16 },
    PublicIpAddress: instance?.PrivateIpAddress,
    MetadataOptions: { HttpTokens: "required" },
    IamInstanceProfile: { Arn: "arn:aws:iam::123456789012:instance-profile/site" },
  });
  expect(instance?.PublicIpAddress).toMatch(/^127\.0\.1\.\d+$/);
  expect(Object.fromEntries((instance?.Tags ?? []).map((t) => [t.Key, t.Value]))).toEqual({
    "everspot:site": "demo",
    "aws:ec2:fleet-id": fleetId,
    "aws:ec2launchtemplate:id": site.templateId,
    "aws:ec2launchtemplate:version": "1",
  });
  const { Fleets } = await site.ec2.describeFleets({ FleetIds: [fleetId] });
  expect(Fleets?.[0]).toMatchObject({
    FleetState: "active",
    ActivityStatus: "fulfilled",
    FulfilledCapacity: 1,
  });
});

test("what is reclaimed without notice is replaced after a while, from another pool", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  site.cloud.reclaimNow(first);
  await site.pass(9);
  expect(await site.stateOf(first)).toBe("terminated");
  expect(await site.members(fleetId)).toEqual([]);
  await site.pass(1);
  const second = only(await site.members(fleetId));
  const page = await site.ec2.describeInstances({ InstanceIds: [first, second] });
  const [old, fresh] = (page.Reservations ?? []).flatMap((r) => r.Instances ?? []);
  expect(old?.StateReason?.Code).toBe("Server.SpotInstanceTermination");
  expect(fresh?.Placement?.AvailabilityZone).not.toBe(old?.Placement?.AvailabilityZone);
});

test("a terminated instance is replaced, unless the fleet is above its target and keeps what it has", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  await site.ec2.modifyFleet({ FleetId: fleetId, ...target(2) });
  await site.pass(0);
  expect(await site.members(fleetId)).toHaveLength(2);
  await site.ec2.modifyFleet({ FleetId: fleetId, ...target(1) });
  await site.pass(60);
  expect(await site.members(fleetId)).toHaveLength(2);
  await site.ec2.terminateInstances({ InstanceIds: [first] });
  await site.pass(60);
  const second = only(await site.members(fleetId));
  await site.ec2.terminateInstances({ InstanceIds: [second] });
  await site.pass(60);
  expect(only(await site.members(fleetId))).not.toBe(second);
});

test("scaling in with `termination` gives the newest instance a notice and ends it", async () => {
  await site.cloud.close();
  site = await startEc2Site({ delays: { scaleInNotice: 120_000 } });
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  await site.pass(1);
  await site.ec2.modifyFleet({ FleetId: fleetId, ...target(2) });
  await site.pass(0);
  const second = (await site.members(fleetId)).find((id) => id !== first) ?? "";
  await site.ec2.modifyFleet({
    FleetId: fleetId,
    ExcessCapacityTerminationPolicy: "termination",
    ...target(1),
  });
  await site.pass(119);
  expect(site.cloud.ec2.instances.find(second).spotAction?.action).toBe("terminate");
  expect(await site.members(fleetId)).toHaveLength(2);
  await site.pass(1);
  expect(await site.members(fleetId)).toEqual([first]);
});

test("a rebalance recommendation brings the new instance before the old one goes", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  site.cloud.rebalance(first);
  await site.pass(119);
  expect(await site.members(fleetId)).toHaveLength(2);
  await site.pass(1);
  expect(only(await site.members(fleetId))).not.toBe(first);
  await site.pass(600);
  expect(await site.members(fleetId)).toHaveLength(1);
});

test("without capacity a rebalance leaves the old instance alone", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  site.cloud.capacity("*", "*", "none");
  site.cloud.rebalance(first);
  await site.pass(600);
  expect(await site.members(fleetId)).toEqual([first]);
});

test("a reclaim with notice shows it first and ends the instance at its time; the replacement is already there", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  site.cloud.reclaim(first, { noticeSeconds: 120 });
  const marked = site.cloud.ec2.instances.find(first);
  expect(marked.spotAction).toEqual({ action: "terminate", time: new Date(site.clock.now() + 120_000) });
  const requests = await site.ec2.describeSpotInstanceRequests({
    Filters: [{ Name: "instance-id", Values: [first] }],
  });
  expect(requests.SpotInstanceRequests?.[0]?.Status?.Code).toBe("marked-for-termination");
  await site.pass(119);
  expect(await site.stateOf(first)).toBe("running");
  expect(await site.members(fleetId)).toHaveLength(2);
  await site.pass(1);
  expect(await site.stateOf(first)).toBe("terminated");
  expect(await site.members(fleetId)).toHaveLength(1);
});

test("missing capacity is told in the history, with AWS's reason, and made up for when it returns", async () => {
  site.cloud.capacity("t4g.nano", "*", "none");
  const fleetId = await site.fleet();
  expect(await site.members(fleetId)).toEqual([]);
  const { Fleets } = await site.ec2.describeFleets({ FleetIds: [fleetId] });
  expect(Fleets?.[0]).toMatchObject({ ActivityStatus: "error", FulfilledCapacity: 0 });
  expect(Fleets?.[0]?.Errors ?? []).toEqual([]);
  const history = await site.ec2.describeFleetHistory({
    FleetId: fleetId,
    EventType: "service-error",
    StartTime: new Date(0),
  });
  const events = (history.HistoryRecords ?? []).map((r) => r.EventInformation);
  expect(events.map((e) => e?.EventSubType)).toEqual([
    "launchSpecTemporarilyBlacklisted",
    "launchSpecTemporarilyBlacklisted",
    "allLaunchSpecsTemporarilyBlacklisted",
  ]);
  expect(events[0]?.EventDescription).toContain("Error Code: InsufficientInstanceCapacity");
  site.cloud.capacity("t4g.nano", "us-east-1b", "available");
  await site.pass(0);
  const page = await site.ec2.describeInstances({ InstanceIds: await site.members(fleetId) });
  expect(page.Reservations?.[0]?.Instances?.[0]?.Placement?.AvailabilityZone).toBe("us-east-1b");
});

test("a fleet whose instance profile is too new leaves the template alone for minutes", async () => {
  await site.cloud.close();
  site = await startEc2Site({ delays: { fleetRetry: 15_000, profileRefused: 300_000 } });
  site.cloud.iam.instances.propagationMs = 10_000;
  const fleetId = await site.fleet();
  const history = await site.ec2.describeFleetHistory({ FleetId: fleetId, StartTime: new Date(0) });
  const events = (history.HistoryRecords ?? []).map((r) => r.EventInformation);
  expect(events.map((e) => e?.EventSubType)).toContain("launchSpecTemporarilyBlacklisted");
  expect(JSON.stringify(events)).toContain("Invalid IAM Instance Profile");
  await site.pass(299);
  expect(await site.members(fleetId)).toEqual([]);
  await site.pass(1);
  expect(await site.members(fleetId)).toHaveLength(1);
});

test.each(["fleetVisible", "shown"])("a new fleet is not known by its id at once: %s", async (delay) => {
  await site.cloud.close();
  site = await startEc2Site({ delays: { [delay]: 2_000 } });
  const FleetId = await site.fleet();
  const look = () => site.ec2.describeFleets({ FleetIds: [FleetId] });
  const change = () =>
    site.ec2.modifyFleet({ FleetId, TargetCapacitySpecification: { TotalTargetCapacity: 2 } });
  await expect(look()).rejects.toMatchObject({ name: "InvalidFleetId.NotFound" });
  await expect(change()).rejects.toMatchObject({ name: "InvalidFleetId.NotFound" });
  await site.pass(2);
  expect((await look()).Fleets).toHaveLength(1);
  await change();
});

test("with a retry delay the fleet tries again by itself", async () => {
  await site.cloud.close();
  site = await startEc2Site({ delays: { fleetRetry: 30_000 } });
  site.cloud.capacity("*", "*", {
    code: "MaxSpotInstanceCountExceeded",
    message: "Max spot instance count exceeded",
  });
  const fleetId = await site.fleet();
  await site.pass(95);
  const history = await site.ec2.describeFleetHistory({ FleetId: fleetId, StartTime: new Date(0) });
  const limits = (history.HistoryRecords ?? []).filter(
    (r) => r.EventInformation?.EventSubType === "spotInstanceCountLimitExceeded",
  );
  expect(limits).toHaveLength(2 * 4);
});

test("an image that is gone stops replacements, and the history says so", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  site.cloud.ec2.images.remove(site.cloud.ec2.instances.find(first).spec.image.id);
  site.cloud.reclaimNow(first);
  await site.pass(10);
  expect(await site.members(fleetId)).toEqual([]);
  const history = await site.ec2.describeFleetHistory({ FleetId: fleetId, StartTime: new Date(0) });
  expect(JSON.stringify(history.HistoryRecords)).toContain("InvalidAMIID.NotFound");
});

test("the split of the target cannot be modified, unless AWS should take it after all", async () => {
  const split = { TotalTargetCapacity: 1, OnDemandTargetCapacity: 1 };
  const fleetId = await site.fleet();
  await expect(
    site.ec2.modifyFleet({ FleetId: fleetId, TargetCapacitySpecification: split }),
  ).rejects.toThrow("Currently we only support total target capacity modification");
});

test("the on-demand part of the target is launched on demand, also without spot capacity", async () => {
  await site.cloud.close();
  site = await startEc2Site({ delays: { fleetReplace: 10_000 }, fleetHabits: { modifiesSplit: true } });
  const fleetId = await site.fleet();
  site.cloud.capacity("*", "*", "none");
  site.cloud.reclaimNow(only(await site.members(fleetId)));
  await site.pass(10);
  expect(await site.members(fleetId)).toEqual([]);
  await site.ec2.modifyFleet({
    FleetId: fleetId,
    TargetCapacitySpecification: { TotalTargetCapacity: 1, OnDemandTargetCapacity: 1, SpotTargetCapacity: 0 },
  });
  await site.pass(0);
  const page = await site.ec2.describeInstances({ InstanceIds: await site.members(fleetId) });
  expect(page.Reservations?.[0]?.Instances?.[0]?.InstanceLifecycle).toBeUndefined();
  const { Fleets } = await site.ec2.describeFleets({ FleetIds: [fleetId] });
  expect(Fleets?.[0]).toMatchObject({ FulfilledOnDemandCapacity: 1, ActivityStatus: "fulfilled" });
});

test("an instance whose status checks fail for long enough is ended and replaced", async () => {
  await site.cloud.close();
  site = await startEc2Site({ delays: { unhealthy: 360_000 } });
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  site.cloud.ec2.impair(first);
  const status = await site.ec2.describeInstanceStatus({ InstanceIds: [first] });
  expect(status.InstanceStatuses?.[0]?.InstanceStatus?.Status).toBe("impaired");
  await site.pass(359);
  expect(await site.members(fleetId)).toEqual([first]);
  await site.pass(1);
  expect(only(await site.members(fleetId))).not.toBe(first);
});

test("a new template version reaches the next launch only after ModifyFleet, resolved when given", async () => {
  const fleetId = await site.fleet();
  await site.ec2.createLaunchTemplateVersion({
    LaunchTemplateId: site.templateId,
    SourceVersion: "1",
    LaunchTemplateData: { UserData: Buffer.from("new").toString("base64") },
  });
  const versionOf = async () => {
    const page = await site.ec2.describeInstances({ InstanceIds: await site.members(fleetId) });
    return page.Reservations?.[0]?.Instances?.[0]?.Tags?.find(
      (t) => t.Key === "aws:ec2launchtemplate:version",
    )?.Value;
  };
  site.cloud.reclaimNow(only(await site.members(fleetId)));
  await site.pass(10);
  expect(await versionOf()).toBe("1");
  await site.ec2.modifyFleet({
    FleetId: fleetId,
    LaunchTemplateConfigs: [
      {
        LaunchTemplateSpecification: { LaunchTemplateId: site.templateId, Version: "$Latest" },
        Overrides: site.subnets.map((SubnetId) => ({ InstanceType: "t4g.micro", SubnetId })),
      },
    ],
  });
  await site.pass(0);
  expect(await versionOf()).toBe("1");
  site.cloud.reclaimNow(only(await site.members(fleetId)));
  await site.pass(10);
  expect(await versionOf()).toBe("2");
  const { Fleets } = await site.ec2.describeFleets({ FleetIds: [fleetId] });
  expect(Fleets?.[0]?.LaunchTemplateConfigs?.[0]?.LaunchTemplateSpecification?.Version).toBe("2");
});

test("a fleet that is being modified takes no further change", async () => {
  await site.cloud.close();
  site = await startEc2Site({ delays: { fleetModify: 1_000 } });
  const fleetId = await site.fleet();
  await site.ec2.modifyFleet({ FleetId: fleetId, ...target(2) });
  await expect(site.ec2.modifyFleet({ FleetId: fleetId, ...target(1) })).rejects.toMatchObject({
    name: "IncorrectState",
  });
  const shown = async () => (await site.ec2.describeFleets({ FleetIds: [fleetId] })).Fleets?.[0];
  expect((await shown())?.TargetCapacitySpecification?.TotalTargetCapacity).toBe(1);
  await site.pass(1);
  expect((await shown())?.TargetCapacitySpecification?.TotalTargetCapacity).toBe(2);
  await site.ec2.modifyFleet({ FleetId: fleetId, ...target(1) });
});

test("deleting a fleet ends its instances when asked to, and replaces none", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  const gone = await site.ec2.deleteFleets({ FleetIds: [fleetId, "fleet-1"], TerminateInstances: true });
  expect(gone.SuccessfulFleetDeletions?.[0]).toMatchObject({
    PreviousFleetState: "active",
    CurrentFleetState: "deleted_terminating",
  });
  expect(gone.UnsuccessfulFleetDeletions?.[0]?.Error?.Code).toBe("fleetIdMalformed");
  await site.pass(60);
  expect(await site.stateOf(first)).toBe("terminated");
  const { Fleets } = await site.ec2.describeFleets({});
  expect(Fleets?.map((f) => f.FleetState)).toEqual(["deleted"]);
});

test("deleting a fleet without its instances leaves them running, and unreplaced", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  await site.ec2.deleteFleets({ FleetIds: [fleetId], TerminateInstances: false });
  await site.pass(60);
  expect(await site.stateOf(first)).toBe("running");
  site.cloud.reclaimNow(first);
  await site.pass(60);
  expect(await site.members(fleetId)).toEqual([]);
});

test("an instant fleet answers with its instances, or with what was missing", async () => {
  const template = { LaunchTemplateId: site.templateId, Version: "1" };
  const ask = () =>
    site.ec2.createFleet({
      Type: "instant",
      TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: "spot" },
      LaunchTemplateConfigs: [
        {
          LaunchTemplateSpecification: template,
          Overrides: [{ InstanceType: "t4g.nano", SubnetId: site.subnets[0] }],
        },
      ],
    });
  const good = await ask();
  expect(good.Instances?.[0]?.InstanceIds).toHaveLength(1);
  site.cloud.capacity("*", "*", "none");
  const bad = await ask();
  expect(bad.Instances ?? []).toEqual([]);
  expect(bad.Errors?.[0]).toMatchObject({ ErrorCode: "InsufficientInstanceCapacity", Lifecycle: "spot" });
});

test.each([
  ["two subnets in one zone make one pool", "InvalidFleetConfig"],
  ["a template that asks for spot itself", "InvalidFleetConfig"],
  ["a termination delay under two minutes", "InvalidParameterValue"],
  ["instance tags on a maintain fleet", "InvalidParameterValue"],
  ["parts larger than the total", "InvalidTargetCapacitySpecification"],
  ["a template version that is not there", "InvalidLaunchTemplateId.VersionNotFound"],
])("CreateFleet refuses %s", async (what, code) => {
  const { ec2, vpcId, subnets, templateId } = site;
  const config = (Version: string, SubnetIds: (string | undefined)[]) => [
    {
      LaunchTemplateSpecification: { LaunchTemplateId: templateId, Version },
      Overrides: SubnetIds.map((SubnetId) => ({ InstanceType: "t4g.nano" as const, SubnetId })),
    },
  ];
  const wrong = async () => {
    if (what.startsWith("two subnets")) {
      const twin = await ec2.createSubnet({
        VpcId: vpcId,
        CidrBlock: "10.7.9.0/24",
        AvailabilityZone: "us-east-1a",
      });
      return { LaunchTemplateConfigs: config("1", [subnets[0], twin.Subnet?.SubnetId]) };
    }
    if (what.startsWith("a template that asks")) {
      await ec2.createLaunchTemplateVersion({
        LaunchTemplateId: templateId,
        SourceVersion: "1",
        LaunchTemplateData: { InstanceMarketOptions: { MarketType: "spot" } },
      });
      return { LaunchTemplateConfigs: config("2", subnets) };
    }
    if (what.startsWith("a termination delay")) {
      const CapacityRebalance = {
        ReplacementStrategy: "launch-before-terminate" as const,
        TerminationDelay: 60,
      };
      return { SpotOptions: { MaintenanceStrategies: { CapacityRebalance } } };
    }
    if (what.startsWith("instance tags")) {
      return { TagSpecifications: [{ ResourceType: "instance" as const, Tags: [{ Key: "a", Value: "b" }] }] };
    }
    if (what.startsWith("parts")) {
      return { TargetCapacitySpecification: { TotalTargetCapacity: 1, OnDemandTargetCapacity: 2 } };
    }
    return { LaunchTemplateConfigs: config("9", subnets) };
  };
  await expect(site.fleet(await wrong())).rejects.toMatchObject({ name: code });
});

test("fleets cannot be filtered by tag", async () => {
  await expect(
    site.ec2.describeFleets({ Filters: [{ Name: "tag:a", Values: ["b"] }] }),
  ).rejects.toMatchObject({
    name: "InvalidParameterValue",
    message: expect.stringContaining("'tag:a'"),
  });
});

test("an account that never used fleets or spot instances is told which role is missing", async () => {
  await site.cloud.close();
  site = await startEc2Site({ serviceLinkedRoles: false });
  await expect(site.fleet()).rejects.toMatchObject({
    name: "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
    message: expect.stringContaining("EC2 Fleet"),
  });
});

test("the same client token makes one fleet", async () => {
  const one = await site.fleet({ ClientToken: "once" });
  expect(await site.fleet({ ClientToken: "once" })).toBe(one);
  await expect(site.fleet({ ClientToken: "once", ...target(2) })).rejects.toMatchObject({
    name: "IdempotentParameterMismatch",
  });
  expect(await site.members(one)).toHaveLength(1);
});

test("a notice can come without a recommendation: then the replacement comes after the end", async () => {
  const fleetId = await site.fleet();
  const first = only(await site.members(fleetId));
  site.cloud.reclaim(first, { noticeSeconds: 120, rebalance: false });
  await site.pass(119);
  expect(await site.members(fleetId)).toEqual([first]);
  await site.pass(1);
  expect(await site.members(fleetId)).toEqual([]);
  await site.pass(10);
  expect(only(await site.members(fleetId))).not.toBe(first);
});

test("machines that cannot start are not tried again and again at once", async () => {
  await site.cloud.close();
  let starts = 0;
  const start = async () => {
    starts++;
    throw new Error("no such disk");
  };
  site = await startEc2Site({ machines: { ...simulatedMachines(), start } });
  await site.fleet();
  await site.pass(12);
  expect(starts).toBe(3);
  site.cloud.jobs.failures.length = 0;
});

test("above its total price a fleet launches nothing, and no ModifyFleet lifts that", async () => {
  // Of t4g.nano at $0.0042 an hour.
  const OnDemandOptions = { MaxTotalPrice: "0.001" };
  const fleetId = await site.fleet({ SpotOptions: { MaxTotalPrice: "0.0105" }, OnDemandOptions });
  const { Fleets } = await site.ec2.describeFleets({ FleetIds: [fleetId] });
  expect(only(Fleets ?? [])).toMatchObject({ SpotOptions: { MaxTotalPrice: "0.0105" }, OnDemandOptions });
  await site.ec2.modifyFleet({ FleetId: fleetId, ...target(15) });
  await site.pass(60);
  const members = await site.members(fleetId);
  expect(members).toHaveLength(2);
  await site.ec2.modifyFleet({
    FleetId: fleetId,
    TargetCapacitySpecification: { TotalTargetCapacity: 15, DefaultTargetCapacityType: "on-demand" },
  });
  await site.pass(60);
  expect(await site.members(fleetId)).toEqual(members);
  await site.ec2.modifyFleet({ FleetId: fleetId, ...target(2) });
  site.cloud.reclaimNow(members[0] ?? "");
  await site.pass(60);
  expect(await site.members(fleetId)).toHaveLength(2);
});

test("closing while everything waits leaves no timer", async () => {
  const cloud = await startCloud({ delays: { pending: 3_600_000 } });
  await client(cloud).runInstances({
    MinCount: 1,
    MaxCount: 1,
    ImageId: cloud.ec2.images.all.keys().next().value,
    InstanceType: "t3.nano",
  });
  await cloud.close();
  expect(cloud.faults()).toEqual([]);
});
