import { afterEach, beforeEach, expect, test } from "vitest";
import { connect } from "../../../../provisioner/aws/connect.ts";
import { type Desk, openDesk } from "../../site.ts";

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(async () => {
  await desk.close();
});

test("templates are found on every page, whatever the token of the next one looks like", async () => {
  const aws = await connect(desk.config);
  try {
    desk.cloud.fis.pageSize = 1;
    const what = {
      instanceArn: "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0",
      roleArn: aws.drillRole.arn,
    };
    const made = [await aws.fis.createTemplate(what), await aws.fis.createTemplate(what)];
    expect(await aws.fis.templates()).toEqual(made);
    expect(desk.cloud.faults()).toEqual([]);
  } finally {
    aws.close();
  }
});
