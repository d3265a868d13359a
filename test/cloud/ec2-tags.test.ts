import { type EC2, paginateDescribeSubnets, paginateDescribeTags } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cloud, startCloud } from "./cloud.ts";
import { client } from "./ec2-site.ts";

let cloud: Cloud;
let ec2: EC2;
beforeEach(async () => {
  cloud = await startCloud({ pageSize: 5 });
  ec2 = client(cloud);
});
afterEach(async () => {
  await cloud.close();
  expect(cloud.faults()).toEqual([]);
});

const vpc = async () => (await ec2.createVpc({ CidrBlock: "10.7.0.0/16" })).Vpc?.VpcId ?? "";

test("tags are set, replaced, listed and removed", async () => {
  const id = await vpc();
  await ec2.createTags({
    Resources: [id],
    Tags: [
      { Key: "a", Value: "1" },
      { Key: "b", Value: "2" },
    ],
  });
  await ec2.createTags({ Resources: [id], Tags: [{ Key: "a", Value: "3" }] });
  const { Tags } = await ec2.describeTags({ Filters: [{ Name: "resource-id", Values: [id] }] });
  expect(Tags).toEqual([
    { ResourceId: id, ResourceType: "vpc", Key: "a", Value: "3" },
    { ResourceId: id, ResourceType: "vpc", Key: "b", Value: "2" },
  ]);
  await ec2.deleteTags({ Resources: [id], Tags: [{ Key: "a", Value: "other" }, { Key: "b" }] });
  expect((await ec2.describeVpcs({ VpcIds: [id] })).Vpcs?.[0]?.Tags).toEqual([{ Key: "a", Value: "3" }]);
});

test.each([
  ["the aws: prefix", [{ Key: "aws:x", Value: "" }], "InvalidParameterValue"],
  [
    "a key twice",
    [
      { Key: "a", Value: "" },
      { Key: "a", Value: "" },
    ],
    "InvalidParameterValue",
  ],
  ["a value too long", [{ Key: "a", Value: "x".repeat(257) }], "InvalidParameterValue"],
  ["51 of them", Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}`, Value: "" })), "TagLimitExceeded"],
])("tags cannot have %s", async (_, Tags, name) => {
  await expect(ec2.createTags({ Resources: [await vpc()], Tags })).rejects.toMatchObject({ name });
});

test("what does not exist cannot be tagged", async () => {
  await expect(
    ec2.createTags({ Resources: ["vpc-00000000000000000"], Tags: [{ Key: "a", Value: "" }] }),
  ).rejects.toMatchObject({ name: "InvalidVpcID.NotFound" });
});

test("listings come in pages, and only with tokens AWS gave", async () => {
  const first = await ec2.describeSubnets({});
  expect(first.Subnets).toHaveLength(5);
  expect(first.NextToken).toBeTruthy();
  const all: (string | undefined)[] = [];
  for await (const page of paginateDescribeSubnets({ client: ec2 }, {})) {
    all.push(...(page.Subnets ?? []).map((s) => s.SubnetId));
  }
  expect(new Set(all).size).toBe(6);
  await expect(ec2.describeSubnets({ NextToken: "abc" })).rejects.toMatchObject({ name: "InvalidNextToken" });
  await expect(ec2.describeSubnets({ MaxResults: 4 })).rejects.toMatchObject({
    name: "InvalidParameterValue",
  });
});

test("tags of many resources are paged too", async () => {
  const id = await vpc();
  const Tags = Array.from({ length: 12 }, (_, n) => ({ Key: `k${n}`, Value: String(n) }));
  await ec2.createTags({ Resources: [id], Tags });
  let seen = 0;
  for await (const page of paginateDescribeTags({ client: ec2 }, {})) seen += page.Tags?.length ?? 0;
  expect(seen).toBe(12);
});
