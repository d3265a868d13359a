import { Buffer } from "node:buffer";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { InstanceView } from "./ec2/instances.ts";
import { debianImages } from "./ec2.ts";
import { ARM_IMAGE, type Ec2Site, startEc2Site } from "./ec2-site.ts";
import { type Machine, type Machines, simulatedMachines } from "./machines.ts";

/** Notes what the driver is asked for. */
function notingMachines() {
  const asked: string[] = [];
  const started: Machine[] = [];
  const exits: ((instanceId: string) => void)[] = [];
  const note = (what: string) => async (id: string) => {
    asked.push(`${what} ${id}`);
  };
  const machines: Machines = {
    ...simulatedMachines(),
    start: async (machine) => {
      asked.push(`start ${machine.instanceId}`);
      started.push(machine);
    },
    stop: note("stop"),
    kill: note("kill"),
    reboot: note("reboot"),
    remove: note("remove"),
    freeze: note("freeze"),
    thaw: note("thaw"),
    snapshot: note("snapshot"),
    removeImage: note("removeImage"),
    console: async (id) => `console of ${id}`,
    onExit: (listener) => exits.push(listener),
  };
  const powerOff = (id: string) => {
    for (const listener of exits) listener(id);
  };
  return { machines, asked, started, powerOff };
}

let site: Ec2Site;
let driver: ReturnType<typeof notingMachines>;
let views: InstanceView[];
let closedViews: string[];
beforeEach(async () => {
  driver = notingMachines();
  views = [];
  closedViews = [];
  site = await startEc2Site({
    machines: driver.machines,
    imds: async (view) => {
      views.push(view);
      return async () => {
        closedViews.push(view.instanceId);
      };
    },
    delays: { pending: 10_000, shutdown: 5_000, image: 60_000 },
  });
});
afterEach(async () => {
  await site.cloud.close();
  expect(site.cloud.faults()).toEqual([]);
  expect(closedViews).toHaveLength(views.length);
});

const launch = async (more: object = {}) => {
  const run = await site.ec2.runInstances({
    MinCount: 1,
    MaxCount: 1,
    InstanceType: "t4g.nano",
    LaunchTemplate: { LaunchTemplateId: site.templateId },
    NetworkInterfaces: [
      { DeviceIndex: 0, SubnetId: site.subnets[0], Groups: [site.groupId], AssociatePublicIpAddress: true },
    ],
    ...more,
  });
  return run.Instances?.[0]?.InstanceId ?? "";
};
const look = async (id: string) => {
  const page = await site.ec2.describeInstances({ InstanceIds: [id] });
  return page.Reservations?.[0]?.Instances?.[0];
};
const spot = { InstanceMarketOptions: { MarketType: "spot" as const } };

test("an instance is pending, then running; its machine gets address, image and user data", async () => {
  const id = await launch();
  expect(await site.stateOf(id)).toBe("pending");
  await site.pass(9);
  expect(driver.asked).toEqual([]);
  await site.pass(1);
  expect(await site.stateOf(id)).toBe("running");
  expect(driver.started[0]).toMatchObject({
    instanceId: id,
    imageId: ARM_IMAGE,
    instanceType: "t4g.nano",
    availabilityZone: "us-east-1a",
    address: (await look(id))?.PublicIpAddress,
  });
  expect(Buffer.from(driver.started[0]?.userData ?? []).toString()).toBe("#!/bin/sh\n");
});

test("the metadata service is there before the machine and sees what the instance may know", async () => {
  const id = await launch(spot);
  await site.pass(10);
  const view = views[0];
  expect(view).toMatchObject({
    instanceId: id,
    availabilityZone: "us-east-1a",
    availabilityZoneId: "use1-az1",
    lifecycle: "spot",
    metadata: { enabled: true, tokens: "required", hopLimit: 1, tags: false },
    profile: { arn: "arn:aws:iam::123456789012:instance-profile/site" },
  });
  expect(view?.publicAddress).toBe(view?.privateAddress);
  expect(view?.tags()).toMatchObject({ "everspot:site": "demo" });
  expect([view?.spotAction(), view?.rebalance()]).toEqual([undefined, undefined]);
  site.cloud.reclaim(id, { noticeSeconds: 30 });
  expect(view?.spotAction()).toEqual({ action: "terminate", time: new Date(site.clock.now() + 30_000) });
  expect(view?.rebalance()).toEqual({ noticeTime: new Date(site.clock.now()) });
  await site.pass(60);
  expect(closedViews).toEqual([id]);
});

test("terminating shuts down, forgets the disk, and leaves the instance listed for a while", async () => {
  const id = await launch();
  await site.pass(10);
  const volume = (await look(id))?.BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? "";
  const done = await site.ec2.terminateInstances({ InstanceIds: [id] });
  expect(done.TerminatingInstances?.[0]).toMatchObject({
    PreviousState: { Name: "running" },
    CurrentState: { Name: "shutting-down", Code: 32 },
  });
  await site.pass(5);
  expect(driver.asked).toEqual([`start ${id}`, `stop ${id}`, `remove ${id}`]);
  const instance = await look(id);
  expect(instance?.State?.Name).toBe("terminated");
  expect([instance?.PublicIpAddress, instance?.SubnetId]).toEqual([undefined, undefined]);
  await expect(site.ec2.describeVolumes({ VolumeIds: [volume] })).rejects.toMatchObject({
    name: "InvalidVolume.NotFound",
  });
  await site.pass(3601);
  await expect(look(id)).rejects.toMatchObject({ name: "InvalidInstanceID.NotFound" });
});

test("an instance terminated while pending never boots", async () => {
  const id = await launch();
  await site.ec2.terminateInstances({ InstanceIds: [id] });
  await site.pass(30);
  expect(await site.stateOf(id)).toBe("terminated");
  expect(driver.started).toEqual([]);
});

test("stop and start keep the disk and change the address; spot instances of one request cannot stop", async () => {
  const id = await launch();
  await site.pass(10);
  const before = (await look(id))?.PublicIpAddress;
  await site.ec2.stopInstances({ InstanceIds: [id] });
  await site.pass(5);
  const stopped = await look(id);
  expect([stopped?.State?.Name, stopped?.PublicIpAddress]).toEqual(["stopped", undefined]);
  await site.ec2.startInstances({ InstanceIds: [id] });
  await site.pass(10);
  const after = await look(id);
  expect(after?.State?.Name).toBe("running");
  expect(after?.PublicIpAddress).toMatch(/^127\.0\.1\./);
  expect(after?.PublicIpAddress).not.toBe(before);
  expect(driver.asked).toEqual([`start ${id}`, `stop ${id}`, `start ${id}`]);
  expect(views.map((v) => v.privateAddress)).toEqual([before, after?.PublicIpAddress]);

  const fleeting = await launch(spot);
  await site.pass(10);
  await expect(site.ec2.stopInstances({ InstanceIds: [fleeting] })).rejects.toMatchObject({
    name: "UnsupportedOperation",
  });
});

test("reboot, freeze, thaw, console and a kill without notice reach the machine", async () => {
  const id = await launch(spot);
  await site.pass(10);
  await site.ec2.rebootInstances({ InstanceIds: [id] });
  await site.cloud.settled();
  await site.cloud.freeze(id);
  await site.cloud.thaw(id);
  const output = await site.ec2.getConsoleOutput({ InstanceId: id, Latest: true });
  expect(Buffer.from(output.Output ?? "", "base64").toString()).toBe(`console of ${id}`);
  expect((await site.ec2.getConsoleOutput({ InstanceId: id })).Output).toBeUndefined();
  site.cloud.reclaimNow(id);
  expect(driver.asked.slice(0, 5)).toEqual([
    `start ${id}`,
    `reboot ${id}`,
    `freeze ${id}`,
    `thaw ${id}`,
    `kill ${id}`,
  ]);
  await site.pass(5);
  expect(await site.stateOf(id)).toBe("terminated");
});

test("`poweroff` inside stops an on-demand instance and ends a spot one", async () => {
  const [id, fleeting] = [await launch(), await launch(spot)];
  await site.pass(10);
  driver.powerOff(id);
  driver.powerOff(fleeting);
  await site.pass(5);
  expect(await site.stateOf(id)).toBe("stopped");
  expect(await site.stateOf(fleeting)).toBe("terminated");
  expect((await look(id))?.StateReason?.Code).toBe("Client.InstanceInitiatedShutdown");
});

test("addresses are not given again soon", async () => {
  const seen = new Set<string | undefined>();
  for (let n = 0; n < 20; n++) {
    const id = await launch();
    seen.add((await look(id))?.PrivateIpAddress);
    await site.ec2.terminateInstances({ InstanceIds: [id] });
    await site.pass(5);
  }
  expect(seen.size).toBe(20);
});

test("an image is made from an instance, launched from, and gone with its snapshot", async () => {
  const id = await launch();
  await site.pass(10);
  const { ImageId = "" } = await site.ec2.createImage({ InstanceId: id, Name: "baked", NoReboot: true });
  const state = async () => (await site.ec2.describeImages({ ImageIds: [ImageId] })).Images?.[0]?.State;
  expect(await state()).toBe("pending");
  await expect(launch({ ImageId })).rejects.toMatchObject({ name: "InvalidAMIID.Unavailable" });
  await site.pass(60);
  expect(await state()).toBe("available");
  expect(driver.asked).toEqual([`start ${id}`, `snapshot ${id}`]);
  await launch({ ImageId });
  await site.pass(10);
  expect(driver.started.at(-1)?.imageId).toBe(ImageId);
  await expect(site.ec2.createImage({ InstanceId: id, Name: "baked" })).rejects.toMatchObject({
    name: "InvalidAMIName.Duplicate",
  });

  const { Snapshots } = await site.ec2.describeSnapshots({ OwnerIds: ["self"] });
  const SnapshotId = Snapshots?.[0]?.SnapshotId;
  await expect(site.ec2.deleteSnapshot({ SnapshotId })).rejects.toMatchObject({
    name: "InvalidSnapshot.InUse",
  });
  await site.ec2.deregisterImage({ ImageId });
  await site.ec2.deleteSnapshot({ SnapshotId });
  expect((await site.ec2.describeImages({ Owners: ["self"] })).Images ?? []).toEqual([]);
  expect(driver.asked).toContain(`removeImage ${ImageId}`);
  await expect(launch({ ImageId })).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
});

test("a disk cannot be smaller than the one its image was made from", async () => {
  const disk = (VolumeSize: number) => ({
    BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeSize } }],
  });
  const id = await launch(disk(12));
  await site.pass(10);
  const { ImageId = "" } = await site.ec2.createImage({ InstanceId: id, Name: "large", NoReboot: true });
  await site.pass(60);
  const { Images } = await site.ec2.describeImages({ ImageIds: [ImageId] });
  expect(Images?.[0]?.BlockDeviceMappings?.[0]?.Ebs?.VolumeSize).toBe(12);
  await expect(launch({ ImageId, ...disk(8) })).rejects.toMatchObject({ name: "InvalidBlockDeviceMapping" });
  await launch({ ImageId });
});

test("without NoReboot the machine is down while its disk is copied", async () => {
  const id = await launch();
  await site.pass(10);
  await site.ec2.createImage({ InstanceId: id, Name: "clean" });
  await site.pass(60);
  expect(driver.asked).toEqual([`start ${id}`, `stop ${id}`, `snapshot ${id}`, `start ${id}`]);
});

test.each([
  ["an image for another processor", () => ({ InstanceType: "t3.nano" }), "InvalidParameterValue"],
  ["a type nobody knows", () => ({ InstanceType: "t9.nano" }), "InvalidParameterValue"],
  [
    "a profile that is not there",
    () => ({ IamInstanceProfile: { Name: "nobody" } }),
    "InvalidParameterValue",
  ],
  [
    "a group of another network",
    () => ({ NetworkInterfaces: undefined, SubnetId: undefined }),
    "InvalidParameter",
  ],
  ["an old zone", () => ({ NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: "e" }] }), "Unsupported"],
])("a launch is refused for %s", async (_, wrong, name) => {
  const more: Record<string, unknown> = wrong();
  if (more.NetworkInterfaces !== undefined) {
    const old = await site.ec2.createSubnet({
      VpcId: site.vpcId,
      CidrBlock: "10.7.8.0/24",
      AvailabilityZone: "us-east-1e",
    });
    more.NetworkInterfaces = [{ DeviceIndex: 0, SubnetId: old.Subnet?.SubnetId }];
  }
  await expect(launch(more)).rejects.toMatchObject({ name });
});

test("a spot price below the market is refused with the price", async () => {
  const low = { MarketType: "spot" as const, SpotOptions: { MaxPrice: "0.0001" } };
  await expect(launch({ InstanceMarketOptions: low })).rejects.toMatchObject({
    name: "SpotMaxPriceTooLow",
    message: expect.stringMatching(/lower than the minimum required Spot request fulfillment price of 0\.00/),
  });
});

test("spot prices: the one in effect at the start is part of the history", async () => {
  const page = await site.ec2.describeSpotPriceHistory({
    InstanceTypes: ["t4g.nano"],
    AvailabilityZone: "us-east-1a",
    ProductDescriptions: ["Linux/UNIX"],
    StartTime: new Date(site.clock.now()),
  });
  expect(page.SpotPriceHistory).toHaveLength(1);
  expect(Number(page.SpotPriceHistory?.[0]?.SpotPrice)).toBeCloseTo(0.0015, 4);
  const longer = await site.ec2.describeSpotPriceHistory({
    InstanceTypes: ["t4g.nano"],
    AvailabilityZone: "us-east-1a",
    StartTime: new Date("2026-10-01T00:00:00Z"),
  });
  expect(longer.SpotPriceHistory).toHaveLength(3);
});

test("Debian's images are there for both processors, owned by Debian", async () => {
  const { Images } = await site.ec2.describeImages({
    Owners: ["136693071363"],
    Filters: [{ Name: "name", Values: ["debian-13-*"] }],
  });
  expect(Images?.map((i) => i.Architecture).sort()).toEqual(["arm64", "x86_64"]);
  expect(debianImages.map((i) => i.id)).toEqual(
    expect.arrayContaining(Images?.map((i) => i.ImageId ?? "") ?? []),
  );
});

test("instance types tell processor and memory", async () => {
  const { InstanceTypes } = await site.ec2.describeInstanceTypes({ InstanceTypes: ["t4g.small"] });
  expect(InstanceTypes?.[0]).toMatchObject({
    ProcessorInfo: { SupportedArchitectures: ["arm64"] },
    MemoryInfo: { SizeInMiB: 2048 },
    VCpuInfo: { DefaultVCpus: 2 },
  });
  await expect(site.ec2.describeInstanceTypes({ InstanceTypes: ["t9.huge" as never] })).rejects.toMatchObject(
    {
      name: "InvalidInstanceType",
    },
  );
});

test("a machine that cannot start ends its instance, and the fault is kept", async () => {
  driver.machines.start = async () => {
    throw new Error("no such disk");
  };
  const id = await launch();
  await site.pass(20);
  expect((await look(id))?.StateReason?.Code).toBe("Server.InternalError");
  expect(site.cloud.faults().map((f) => f.message)).toEqual([expect.stringContaining("no such disk")]);
  site.cloud.jobs.failures.length = 0;
});
