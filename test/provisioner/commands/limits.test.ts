/** What the account does not start is said before anything is made, and by whom it can be changed. */
import { EC2Client, RunInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { afterEach, expect, test, vi } from "vitest";
import type { EverspotError } from "../../../agent/site/errors.ts";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import type { CloudOptions } from "../../cloud/cloud.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

const SPOT = "L-34B43A08";
const VPCS = "L-F678F1CE";

let desk: Desk | undefined;
afterEach(async () => {
  expect(desk?.cloud.faults()).toEqual([]);
  await desk?.close();
  desk = undefined;
});

const open = async (cloud: CloudOptions): Promise<Desk> => {
  desk = await openDesk({ cloud });
  return desk;
};
const withTypes = (of: Desk, ...types: string[]) =>
  parseConfig(`${MINIMAL}[fleet]\ntypes = ${JSON.stringify(types)}\n`, of.config.file);
const up = (of: Desk, config = of.config, wait = false) =>
  runUp(config, of.tools, { refreshImage: false, wait, timeout: 300 });

/** What `up` says instead of beginning; it must not have changed anything. */
async function refusal(of: Desk, config = of.config): Promise<EverspotError> {
  const mark = of.cloud.mark();
  const error = await up(of, config).then(
    () => expect.fail("up began"),
    (e: EverspotError) => e,
  );
  expect(of.cloud.writes(mark).map((c) => c.operation)).toEqual([]);
  return error;
}

test("no room for a single spot instance, whoever has the room", async () => {
  const one = await open({ limits: { quotas: { [SPOT]: 3 } }, serviceLinkedRoles: true });
  const ec2 = new EC2Client({ region: "us-east-1" });
  const image = { ImageId: "ami-0deb13000000a0064", InstanceType: "t3.small" as const };
  const spot = { InstanceMarketOptions: { MarketType: "spot" as const } };
  await ec2.send(new RunInstancesCommand({ ...image, ...spot, MinCount: 1, MaxCount: 1 }));
  ec2.destroy();
  expect(await refusal(one)).toMatchObject({
    message:
      "the account may run 3 vCPUs of spot instances at a time, of which other instances use 2: no instance of the site starts",
    hint: expect.stringContaining(`--quota-code ${SPOT}`),
  });
});

test("room for one, and none for a swap: up says so and goes on", async () => {
  const one = await open({ limits: { quotas: { [SPOT]: 3 } } });
  await up(one);
  expect(one.said()).toContain("a swap or a replacement needs two instances, up to 4 vCPUs");
  expect(one.json()).toMatchObject({ command: "up", changed: true });
});

test("the free plan starts none of the types, or not all", async () => {
  const free = await open({ limits: { plan: "FREE" } });
  expect(await refusal(free, withTypes(free, "t3.medium"))).toMatchObject({
    message: "the account has AWS's free plan, which does not start t3.medium",
    hint: expect.stringContaining("t3.micro and t3.small"),
  });
  await up(free);
  expect(free.said()).toContain("free plan, which does not start t3a.micro, t3a.small");
  expect(free.cloud.ec2.instances.list().map((i) => i.spec.type.name)).toEqual(["t3.micro"]);
});

test("an account from before there were plans starts everything", async () => {
  const old = await open({ limits: { plan: undefined } });
  await up(old);
  expect(old.said()).not.toContain("plan");
});

test("a plan that cannot be read: what the fleet's history says has its way out", async () => {
  const free = await open({ limits: { plan: "FREE" } });
  free.cloud.wire.before((call) => {
    if (call.service === "freetier") throw new AwsError("AccessDeniedException", "not authorized", 400);
  });
  await expect(up(free, withTypes(free, "t3.medium"), true)).rejects.toMatchObject({
    message: expect.stringContaining("not eligible for Free Tier"),
    hint: expect.stringContaining("t3.micro and t3.small"),
  });
});

test("as many VPCs as the account may have", async () => {
  const full = await open({ limits: { quotas: { [VPCS]: 1 } } });
  expect(await refusal(full)).toMatchObject({
    message:
      "the region has 1 VPCs, and the account may have no more than 1 there; a site needs one of its own",
    hint: expect.stringContaining(VPCS),
  });
});

test("what an organization forbids is told apart from a permission that is missing", async () => {
  const bound = await open({});
  const said =
    "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/ann is not authorized to perform: ec2:CreateVpc with an explicit deny in a service control policy";
  bound.cloud.wire.before((call) => {
    if (call.operation === "CreateVpc") throw new AwsError("UnauthorizedOperation", said, 403);
  });
  expect(await refusal(bound)).toMatchObject({
    message: expect.stringContaining("with an explicit deny in a service control policy"),
    hint: expect.stringContaining("who runs the organization"),
  });
});

test("a region that is not switched on: not told as if the credentials were wrong", async () => {
  const off = await open({ disabledRegions: ["eu-south-1"] });
  const config = { ...off.config, region: "eu-south-1" };
  expect(await refusal(off, config)).toMatchObject({
    message: "the region eu-south-1 is not switched on in the account 123456789012",
    hint: expect.stringContaining("enable-region --region-name eu-south-1"),
  });
});

test("who may not read all that goes on, and is told", async () => {
  const poor = await open({ limits: { quotas: { [SPOT]: 1 } } });
  poor.cloud.wire.before((call) => {
    if (/^(servicequotas|freetier)$/.test(call.service) || call.operation === "DescribeInstanceTypes")
      throw new AwsError("AccessDeniedException", `not authorized to perform: ${call.operation}`, 400);
  });
  await up(poor);
  expect(poor.said()).toContain("some of the account's limits could not be read: ");
});

test("what ended holds its part of the quota until AWS has closed its spot request", async () => {
  const young = await open({ limits: { quotas: { [SPOT]: 5 } }, delays: { requestCloses: 60_000 } });
  await up(young);
  expect(young.said()).not.toContain("spot requests");
  const [first] = young.cloud.ec2.instances.list();
  young.cloud.ec2.reclaim(first?.id ?? "", { noticeSeconds: 0 });
  await vi.waitFor(() => expect(young.cloud.ec2.instances.list().at(-1)?.state).toBe("running"));
  young.forget();
  await runPlan(young.config, young.tools, { refreshImage: false, pack: false });
  expect(young.said()).toContain(
    "the account may run 5 vCPUs of spot instances at a time, of which spot requests without an instance hold 2",
  );
  expect(young.said()).toContain("there is no room for two");
});

test("and nothing starts beside it where there is no more room", async () => {
  const limits = { quotas: { [SPOT]: 4 } };
  const full = await open({ limits, serviceLinkedRoles: true, delays: { requestCloses: 60_000 } });
  const ec2 = new EC2Client({ region: "us-east-1" });
  const image = { ImageId: "ami-0deb13000000a0064", InstanceType: "t3.small" as const };
  const spot = { InstanceMarketOptions: { MarketType: "spot" as const } };
  const launch = () => ec2.send(new RunInstancesCommand({ ...image, ...spot, MinCount: 2, MaxCount: 2 }));
  const { Instances = [] } = await launch();
  const InstanceIds = Instances.flatMap((i) => i.InstanceId ?? []);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  await vi.waitFor(() =>
    expect(full.cloud.ec2.instances.list().map((i) => i.state)).toEqual(["terminated", "terminated"]),
  );
  await expect(launch()).rejects.toMatchObject({ name: "MaxSpotInstanceCountExceeded" });
  await up(full);
  expect(full.said()).toContain("hold 4: until AWS closes those of instances that ended");
  expect(full.said()).toContain("no instance of the site starts");
  expect(full.json()).toMatchObject({ command: "up", changed: true });
  ec2.destroy();
});
