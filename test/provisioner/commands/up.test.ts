import { readFileSync } from "node:fs";
import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeFleetsCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
  type IpPermission,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { DeleteBucketPolicyCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { runDataPush } from "../../../provisioner/commands/data/push.ts";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { createQuestions } from "../../../provisioner/operator/questions.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

let desk: Desk;
let ec2: EC2Client;
beforeEach(async () => {
  desk = await openDesk();
  ec2 = new EC2Client({ region: "us-east-1" });
});
afterEach(async () => {
  ec2.destroy();
  expect(desk.cloud.faults()).toEqual([]);
  await desk.close();
});

const options = { refreshImage: false, wait: false, timeout: 1 };
const up = async (config = desk.config) => {
  const mark = desk.cloud.mark();
  await runUp(config, desk.tools, options);
  await desk.cloud.settled();
  return desk.cloud.writes(mark, "AKIATEST").map((c) => c.operation);
};
const latest = async () => {
  const found = await ec2.send(
    new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: "everspot-blog", Versions: ["$Latest"] }),
  );
  return found.LaunchTemplateVersions?.[0];
};

test("up makes the site, and on an unchanged site writes nothing", async () => {
  expect((await up()).length).toBeGreaterThan(25);
  expect(desk.json()).toMatchObject({ command: "up", site: "blog", changed: true });
  const { actions } = desk.json() as { actions: { do: string }[] };
  expect(actions.at(-1)).toMatchObject({ do: "create-fleet" });
  const group = desk.cloud.logGroups.groups.find("everspot-blog");
  expect([group.retention, Object.fromEntries(group.tags)]).toEqual([30, { "everspot:site": "blog" }]);
  expect(await up()).toEqual([]);
  expect(desk.json()).toMatchObject({ changed: false, actions: [], calls: { writes: 0 } });
  group.retention = undefined;
  expect(await up()).toEqual(["PutRetentionPolicy"]);
});

test("what is launched is locked down, and told all it needs", async () => {
  await up();
  const data = (await latest())?.LaunchTemplateData;
  expect(data?.MetadataOptions).toMatchObject({
    HttpTokens: "required",
    HttpPutResponseHopLimit: 1,
    InstanceMetadataTags: "enabled",
  });
  // What is only stopped would be paid for beside its replacement.
  expect(data?.InstanceInitiatedShutdownBehavior).toBe("terminate");
  expect(data?.CreditSpecification).toEqual({ CpuCredits: "unlimited" });
  expect(data?.BlockDeviceMappings?.[0]?.Ebs).toMatchObject({ VolumeType: "gp3", VolumeSize: 8 });
  expect(Buffer.from(data?.UserData ?? "", "base64").toString()).toContain('"domain":"blog.example.com"');
  const fleet = (await ec2.send(new DescribeFleetsCommand({}))).Fleets?.[0];
  expect(fleet).toMatchObject({
    Type: "maintain",
    ReplaceUnhealthyInstances: true,
    ExcessCapacityTerminationPolicy: "no-termination",
    TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: "spot" },
    SpotOptions: { AllocationStrategy: "price-capacity-optimized" },
  });
  const overrides = fleet?.LaunchTemplateConfigs?.[0]?.Overrides ?? [];
  expect(overrides).toHaveLength(4 * 2);
  const instance = (await ec2.send(new DescribeInstancesCommand({}))).Reservations?.[0]?.Instances?.[0];
  expect(instance?.Tags).toContainEqual({ Key: "everspot:site", Value: "blog" });
});

test("nothing but the web, and the site's own instances, gets in", async () => {
  await up();
  const groups = await ec2.send(new DescribeSecurityGroupsCommand({}));
  const own = groups.SecurityGroups?.find((g) => g.GroupName === "everspot-blog");
  const ports = own?.IpPermissions?.map((p) => [
    p.FromPort,
    p.IpRanges?.[0]?.CidrIp,
    p.UserIdGroupPairs?.[0]?.GroupId,
  ]);
  expect(ports?.sort()).toEqual([
    [443, "0.0.0.0/0", undefined],
    [80, "0.0.0.0/0", undefined],
    [8079, undefined, own?.GroupId],
  ]);
});

test("a changed configuration becomes a new template version that the fleet launches, once", async () => {
  await up();
  const changed = parseConfig(MINIMAL.replace("[app]", "[app]\nworkers = 3"), desk.config.file);
  // The instance, of which nothing was heard yet, would try the release with the configuration of before.
  const anew = ["PutObject", "CreateLaunchTemplateVersion", "ModifyFleet", "TerminateInstances"];
  expect(await up(changed)).toEqual(anew);
  expect((await latest())?.VersionNumber).toBe(2);
  const fleet = (await ec2.send(new DescribeFleetsCommand({}))).Fleets?.[0];
  expect(fleet?.LaunchTemplateConfigs?.[0]?.LaunchTemplateSpecification?.Version).toBe("2");
  expect(await up(changed)).toEqual([]);
});

test("other types change the fleet", async () => {
  await up();
  const changed = parseConfig(
    `${MINIMAL}[fleet]\ntypes = ["t3.small"]\nmax_price = 0.02\n`,
    desk.config.file,
  );
  expect(await up(changed)).toEqual(["ModifyFleet"]);
  const fleet = (await ec2.send(new DescribeFleetsCommand({}))).Fleets?.[0];
  const overrides = fleet?.LaunchTemplateConfigs?.[0]?.Overrides ?? [];
  expect(overrides.map((o) => [o.InstanceType, o.MaxPrice])).toEqual([
    ["t3.small", "0.02"],
    ["t3.small", "0.02"],
  ]);
  expect(await up(changed)).toEqual([]);
});

describe("ports that were opened by hand", () => {
  const ssh = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
  const everyIcmp = { IpProtocol: "icmp", FromPort: -1, ToPort: -1, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
  const all = { IpProtocol: "-1", Ipv6Ranges: [{ CidrIpv6: "2001:db8::/32" }] };
  const group = async () => {
    const groups = await ec2.send(new DescribeSecurityGroupsCommand({}));
    return groups.SecurityGroups?.find((g) => g.GroupName === "everspot-blog");
  };
  const authorize = async (...IpPermissions: IpPermission[]) =>
    ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: (await group())?.GroupId, IpPermissions }));

  test("are closed: all ICMP and everything from a range too", async () => {
    await up();
    await authorize(ssh, everyIcmp, all);
    expect(await up()).toEqual(["RevokeSecurityGroupIngress"]);
    expect(desk.json()).toMatchObject({
      actions: [
        {
          do: "revoke-ingress",
          what: "no longer let in tcp 22, all icmp from anywhere; everything from 2001:db8::/32",
        },
      ],
    });
    expect((await group())?.IpPermissions).toHaveLength(3);
    expect(await up()).toEqual([]);
  });

  test("are closed though someone else closes one of them at that moment", async () => {
    await up();
    await authorize(ssh, everyIcmp);
    let first = true;
    desk.cloud.wire.before(async (call) => {
      if (call.operation !== "RevokeSecurityGroupIngress" || !first) return;
      first = false;
      const GroupId = (await group())?.GroupId;
      await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [ssh] }));
    });
    await up();
    expect((await group())?.IpPermissions).toHaveLength(3);
  });
});

test("what was changed by hand is put right, and nothing else is touched", async () => {
  await up();
  const groups = await ec2.send(new DescribeSecurityGroupsCommand({}));
  const group = groups.SecurityGroups?.find((g) => g.GroupName === "everspot-blog")?.GroupId;
  await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: group,
      IpPermissions: [{ IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
    }),
  );
  const s3 = new S3Client({ region: "us-east-1" });
  await s3.send(new DeleteBucketPolicyCommand({ Bucket: "everspot-blog-123456789012-us-east-1" }));
  s3.destroy();
  expect(await up()).toEqual(["PutBucketPolicy", "RevokeSecurityGroupIngress"]);
  expect(desk.json()).toMatchObject({
    actions: [
      { do: "set-bucket-policy" },
      { do: "revoke-ingress", what: "no longer let in tcp 22 from anywhere" },
    ],
  });
  expect(await up()).toEqual([]);
});

describe("the image", () => {
  const NEWER = "ami-0deb13000000c0064";

  /** Debian publishes a new image; the old one stays. */
  function publish(): void {
    const images = desk.cloud.ec2.images.all;
    const now = images.get("ami-0deb13000000a0064") ?? expect.fail("no image");
    images.set(NEWER, { ...now, id: NEWER, name: `${now.name}-2` });
    desk.cloud.wire.on("ssm", "GetParameter", () => ({ Parameter: { Value: NEWER } }));
  }

  test("stays as long as it exists, and goes to the newest when asked", async () => {
    await up();
    publish();
    expect(await up()).toEqual([]);
    expect(desk.said()).toContain(`there is a newer image of debian-13: ${NEWER}`);
    await runUp(desk.config, desk.tools, { ...options, refreshImage: true });
    expect((await latest())?.LaunchTemplateData?.ImageId).toBe(NEWER);
    expect(await up()).toEqual([]);
  });

  test("that is gone is replaced by the newest before a replacement needs it", async () => {
    await up();
    publish();
    desk.cloud.ec2.images.all.delete("ami-0deb13000000a0064");
    expect(await up()).toEqual(expect.arrayContaining(["CreateLaunchTemplateVersion", "ModifyFleet"]));
    expect((await latest())?.LaunchTemplateData?.ImageId).toBe(NEWER);
  });
});

test("plan shows the same list and the bill, and writes nothing", async () => {
  const mark = desk.cloud.mark();
  await runPlan(desk.config, desk.tools, { ...options, pack: true });
  expect(desk.cloud.writes(mark)).toEqual([]);
  const planned = desk.json() as {
    actions: { do: string; what: string }[];
    bill: { lines: { what: string }[] };
  };
  expect(planned.bill.lines.map((l) => l.what)).toContain("public IPv4 address");
  await up();
  const done = desk.json() as { actions: { do: string }[] };
  expect(done.actions.map((a) => a.do)).toEqual(planned.actions.map((a) => a.do));
});

describe("a project that cannot be packed", () => {
  const bad = (): typeof desk.tools => ({
    ...desk.tools,
    pack: async () => {
      throw new EverspotError(".env looks like a secret");
    },
  });

  test("is refused by `up` before anything is changed in AWS, and asked", async () => {
    const mark = desk.cloud.mark();
    const questions = { agree: () => expect.fail("asked") } as unknown as typeof desk.tools.questions;
    await expect(runUp(desk.config, { ...bad(), questions }, options)).rejects.toThrow("looks like a secret");
    expect(desk.cloud.writes(mark)).toEqual([]);
  });

  test("is found by `plan`, which shows the rest all the same, unless it is not to pack", async () => {
    await expect(runPlan(desk.config, bad(), { ...options, pack: true })).rejects.toThrow(
      "looks like a secret",
    );
    expect(desk.json().actions).not.toEqual([]);
    await runPlan(desk.config, bad(), { ...options, pack: false });
  });

  test("is no concern of a site that has a release", async () => {
    await up();
    await runUp(desk.config, bad(), options);
    await runPlan(desk.config, bad(), { ...options, pack: true });
  });
});

test("listings of one item a page are read to the end", async () => {
  await desk.close();
  desk = await openDesk({
    cloud: {
      pageSize: 5,
      zones: ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1e", "us-east-1f"],
    },
  });
  await up();
  expect(await up()).toEqual([]);
});

test("without a terminal and without --yes nothing is done", async () => {
  const input = Object.assign(Object.create(process.stdin), { isTTY: false }) as NodeJS.ReadStream;
  const tools = { ...desk.tools, questions: createQuestions({ yes: false, input }) };
  const mark = desk.cloud.mark();
  await expect(runUp(desk.config, tools, options)).rejects.toMatchObject({
    exitCode: 2,
    hint: expect.stringContaining("--yes"),
  });
  expect(desk.cloud.writes(mark)).toEqual([]);
});

test("two stages of a project are two sites", async () => {
  await up();
  const dev = parseConfig(`${MINIMAL}[stages.dev]\ndomain = "dev.example.com"\n`, desk.config.file, "dev");
  expect((await up(dev)).length).toBeGreaterThan(20);
  expect(await up()).toEqual([]);
  expect(await up(dev)).toEqual([]);
});

test("another project that took the same name is refused, before anything is changed", async () => {
  await up();
  const instance = desk.cloud.ec2.instances.list()[0]?.id;
  const s3 = new S3Client({ region: "us-east-1" });
  const at = "2026-01-01T00:00:00.000Z";
  const site = {
    ...{
      version: 1,
      nonce: "1",
      epoch: 1,
      owner: instance,
      address: "203.0.113.1",
      privateAddress: "10.0.0.1",
    },
    ...{ launched: at, since: at, state: "serving" },
  };
  const Bucket = "everspot-blog-123456789012-us-east-1";
  await s3.send(new PutObjectCommand({ Bucket, Key: "site.json", Body: JSON.stringify(site) }));
  s3.destroy();
  const other = { ...desk.config, domain: "shop.example.com", aliases: [] };
  const mark = desk.cloud.mark();
  await expect(runUp(other, desk.tools, options)).rejects.toMatchObject({
    message: `a site named blog exists already, and ${instance} serves it at another domain than shop.example.com`,
    hint: expect.stringContaining("choose another"),
  });
  const push = { file: undefined, force: false, dryRun: true };
  const state = parseConfig(`${MINIMAL}[state]\ndatabase = "db.sqlite3"\n`, desk.config.file).state;
  await expect(runDataPush({ ...other, state }, desk.tools, push)).rejects.toThrow("exists already");
  expect(desk.cloud.writes(mark)).toEqual([]);
});

test("the agent's archive and a first release are in the bucket", async () => {
  await up();
  const { file, sha256 } = await desk.tools.agentArchive("x86_64");
  const s3 = new S3Client({ region: "us-east-1" });
  const at = { Bucket: "everspot-blog-123456789012-us-east-1" };
  const stored = await s3.send(new GetObjectCommand({ ...at, Key: `agent/${sha256}.tar` }));
  expect(stored.ContentEncoding).toBe("zstd");
  expect(await stored.Body?.transformToString()).toBe(readFileSync(file, "utf8"));
  const channel = await s3.send(new GetObjectCommand({ ...at, Key: "channel.json" }));
  expect(await channel.Body?.transformToString()).toContain('"candidate"');
  s3.destroy();
});
