import type { EC2 } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cloud, startCloud } from "./cloud.ts";
import { ARM_IMAGE, client } from "./ec2-site.ts";

let cloud: Cloud;
let ec2: EC2;
let LaunchTemplateId: string;
const base64 = (text: string) => Buffer.from(text).toString("base64");

beforeEach(async () => {
  cloud = await startCloud();
  ec2 = client(cloud);
  const made = await ec2.createLaunchTemplate({
    LaunchTemplateName: "everspot-demo",
    LaunchTemplateData: { ImageId: ARM_IMAGE, InstanceType: "t4g.nano", UserData: base64("one") },
    TagSpecifications: [{ ResourceType: "launch-template", Tags: [{ Key: "everspot:site", Value: "demo" }] }],
  });
  LaunchTemplateId = made.LaunchTemplate?.LaunchTemplateId ?? "";
});
afterEach(async () => {
  await cloud.close();
  expect(cloud.faults()).toEqual([]);
});

const versions = async (Versions?: string[]) =>
  (await ec2.describeLaunchTemplateVersions({ LaunchTemplateId, ...(Versions && { Versions }) }))
    .LaunchTemplateVersions;

test("a version starts from its source and replaces members whole", async () => {
  await ec2.createLaunchTemplateVersion({
    LaunchTemplateId,
    SourceVersion: "$Latest",
    VersionDescription: "two",
    LaunchTemplateData: { UserData: base64("two") },
  });
  await ec2.createLaunchTemplateVersion({
    LaunchTemplateId,
    LaunchTemplateData: { InstanceType: "t4g.micro" },
  });
  const all = await versions();
  expect(all?.map((v) => v.VersionNumber)).toEqual([3, 2, 1]);
  expect(all?.[0]?.LaunchTemplateData).toEqual({ InstanceType: "t4g.micro" });
  expect(all?.[1]?.LaunchTemplateData).toMatchObject({ ImageId: ARM_IMAGE, UserData: base64("two") });
  expect((await versions(["$Latest", "$Default"]))?.map((v) => v.VersionNumber)).toEqual([3, 1]);
});

test("the default version moves only when asked to, and cannot be deleted", async () => {
  await ec2.createLaunchTemplateVersion({
    LaunchTemplateId,
    LaunchTemplateData: { InstanceType: "t4g.micro" },
  });
  expect((await versions(["$Default"]))?.[0]?.VersionNumber).toBe(1);
  await ec2.modifyLaunchTemplate({ LaunchTemplateId, DefaultVersion: "2" });
  expect((await versions(["$Default"]))?.[0]?.VersionNumber).toBe(2);
  const gone = await ec2.deleteLaunchTemplateVersions({ LaunchTemplateId, Versions: ["1", "2", "9"] });
  expect(gone.SuccessfullyDeletedLaunchTemplateVersions?.map((v) => v.VersionNumber)).toEqual([1]);
  expect(gone.UnsuccessfullyDeletedLaunchTemplateVersions?.map((v) => v.ResponseError?.Code)).toEqual([
    "unexpectedError",
    "launchTemplateVersionDoesNotExist",
  ]);
});

test("templates are found by tag and by name, and then no more", async () => {
  const found = await ec2.describeLaunchTemplates({
    Filters: [{ Name: "tag:everspot:site", Values: ["demo"] }],
  });
  expect(found.LaunchTemplates?.[0]).toMatchObject({
    LaunchTemplateName: "everspot-demo",
    LatestVersionNumber: 1,
  });
  await ec2.deleteLaunchTemplate({ LaunchTemplateName: "everspot-demo" });
  await expect(ec2.describeLaunchTemplates({ LaunchTemplateNames: ["everspot-demo"] })).rejects.toMatchObject(
    {
      name: "InvalidLaunchTemplateName.NotFoundException",
    },
  );
  await expect(ec2.describeLaunchTemplates({ LaunchTemplateIds: [LaunchTemplateId] })).rejects.toMatchObject({
    name: "InvalidLaunchTemplateId.NotFound",
  });
});

test.each([
  [
    "a name that is taken",
    { LaunchTemplateName: "everspot-demo" },
    "InvalidLaunchTemplateName.AlreadyExistsException",
  ],
  ["a name that is too short", { LaunchTemplateName: "x" }, "InvalidLaunchTemplateName.MalformedException"],
  [
    "user data of 16,385 bytes",
    { LaunchTemplateData: { UserData: base64("x".repeat(16_385)) } },
    "InvalidUserData.Malformed",
  ],
  [
    "user data that is no base64",
    { LaunchTemplateData: { UserData: "#!/bin/sh" } },
    "InvalidUserData.Malformed",
  ],
])("CreateLaunchTemplate refuses %s", async (_, wrong, name) => {
  await expect(
    ec2.createLaunchTemplate({
      LaunchTemplateName: "other",
      LaunchTemplateData: { ImageId: ARM_IMAGE },
      ...wrong,
    }),
  ).rejects.toMatchObject({ name });
});

test("user data of exactly 16 KB passes", async () => {
  await ec2.createLaunchTemplateVersion({
    LaunchTemplateId,
    LaunchTemplateData: { UserData: base64("x".repeat(16_384)) },
  });
});
