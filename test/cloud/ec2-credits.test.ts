import { afterEach, beforeEach, expect, test } from "vitest";
import { ARM_IMAGE, type Ec2Site, startEc2Site } from "./ec2-site.ts";
import { simulatedMachines } from "./machines.ts";

let site: Ec2Site;
let held: string[];
beforeEach(async () => {
  held = [];
  const setCredits = (id: string, mode: string) => void held.push(`${id} ${mode}`);
  site = await startEc2Site({ machines: { ...simulatedMachines(), setCredits } });
});
afterEach(async () => {
  await site.cloud.close();
  expect(site.cloud.faults()).toEqual([]);
});

const launch = async (InstanceType: "t4g.micro" | "m7g.medium") => {
  const run = { ImageId: ARM_IMAGE, InstanceType, MinCount: 1, MaxCount: 1 };
  const id = (await site.ec2.runInstances(run)).Instances?.[0]?.InstanceId ?? "";
  await site.pass(1);
  return id;
};
const modify = (...InstanceIds: string[]) =>
  site.ec2.modifyInstanceCreditSpecification({
    InstanceCreditSpecifications: InstanceIds.map((InstanceId) => ({ InstanceId, CpuCredits: "standard" })),
  });
const modeOf = async (id: string) =>
  (await site.ec2.describeInstanceCreditSpecifications({ InstanceIds: [id] }))
    .InstanceCreditSpecifications?.[0]?.CpuCredits;

test("T4g is unlimited by default; the switch reaches the machine, and each instance fails for itself", async () => {
  const [burstable, other] = [await launch("t4g.micro"), await launch("m7g.medium")];
  expect(await modeOf(burstable)).toBe("unlimited");
  await expect(modeOf(other)).rejects.toThrow("without CPU credits");
  expect(await modify(burstable, other, "i-0123456789abcdef0")).toMatchObject({
    SuccessfulInstanceCreditSpecifications: [{ InstanceId: burstable }],
    UnsuccessfulInstanceCreditSpecifications: [
      { InstanceId: other, Error: { Code: "InstanceCreditSpecification.NotSupported" } },
      { InstanceId: "i-0123456789abcdef0", Error: { Code: "InvalidInstanceID.NotFound" } },
    ],
  });
  expect(held).toEqual([`${burstable} standard`]);
  expect(await modeOf(burstable)).toBe("standard");
  expect((await site.ec2.describeInstanceCreditSpecifications({})).InstanceCreditSpecifications).toEqual([]);
});

test("a template's setting counts, and no type without credits is launched by it", async () => {
  await site.ec2.createLaunchTemplateVersion({
    LaunchTemplateId: site.templateId,
    SourceVersion: "1",
    LaunchTemplateData: { CreditSpecification: { CpuCredits: "standard" } },
  });
  const start = (InstanceType: "t4g.micro" | "m7g.medium") =>
    site.ec2.runInstances({
      ...{ LaunchTemplate: { LaunchTemplateId: site.templateId, Version: "2" }, InstanceType },
      ...{ MinCount: 1, MaxCount: 1 },
      NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: site.subnets[0], Groups: [site.groupId] }],
    });
  const made = await start("t4g.micro");
  expect(await modeOf(made.Instances?.[0]?.InstanceId ?? "")).toBe("standard");
  await expect(start("m7g.medium")).rejects.toThrow("does not support CpuCredits");
});
