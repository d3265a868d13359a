import { EC2Client } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createInstances } from "../../../provisioner/aws/instances.ts";
import { type Ec2Site, startEc2Site } from "../../cloud/ec2-site.ts";

let site: Ec2Site;
let client: EC2Client;
let one: string;
let two: string;
beforeEach(async () => {
  site = await startEc2Site();
  client = new EC2Client({ endpoint: site.cloud.endpoint, region: site.cloud.region });
  const target = { TotalTargetCapacity: 2, DefaultTargetCapacityType: "spot" as const };
  [one = "", two = ""] = await site.members(await site.fleet({ TargetCapacitySpecification: target }));
});
afterEach(async () => {
  client.destroy();
  await site.cloud.close();
});

const look = async (known?: string) => {
  const slept: number[] = [];
  const clock = {
    now: () => site.clock.now(),
    sleep: async (ms: number) => {
      slept.push(ms);
      await site.pass(ms / 1000);
    },
  };
  const found = await createInstances(client, "demo", clock).look(known);
  return { ids: found.map((i) => i.id).sort(), slept };
};

test("one that should be there and is not shown is looked for again", async () => {
  const both = [one, two].sort();
  expect(await look(one)).toEqual({ ids: both, slept: [] });
  site.cloud.ec2.hide(one, 5);
  expect(await look()).toEqual({ ids: [two], slept: [] });
  expect(await look(one)).toEqual({ ids: both, slept: [10_000] });
  site.cloud.ec2.hide(one, 60);
  expect(await look(one)).toEqual({ ids: [two], slept: [10_000] });
});
