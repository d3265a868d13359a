import { afterEach, beforeEach, expect, test } from "vitest";
import type { InstanceView, RoleCredentials } from "./ec2/instance-view.ts";
import { type Imds, startImds } from "./imds.ts";
import { ManualClock } from "./manual-clock.ts";

const clock = new ManualClock();
let now: { spot?: Date; rebalance?: Date; credentials: RoleCredentials };
let imds: Imds;

const base = {
  instanceId: "i-0123456789abcdef0",
  imageId: "ami-0deb13000000a0064",
  instanceType: "t3.micro",
  architecture: "x86_64",
  region: "us-east-1",
  availabilityZone: "us-east-1b",
  availabilityZoneId: "use1-az2",
  accountId: "123456789012",
  reservationId: "r-0123456789abcdef0",
  lifecycle: "spot",
  privateAddress: "127.0.1.7",
  publicAddress: "127.0.1.7",
  hostname: "ip-127-0-1-7.ec2.internal",
  subnetId: "subnet-1",
  vpcId: "vpc-1",
  securityGroups: ["web", "own"],
  userData: Uint8Array.from([0x1f, 0x8b, 0x00, 0xff]),
  metadata: { enabled: true, tokens: "required", hopLimit: 1, tags: true },
  profile: { arn: "arn:aws:iam::123456789012:instance-profile/p", id: "AIPA1", roleName: "everspot-shop" },
  tags: () => ({ "everspot:site": "shop" }),
  spotAction: () => now.spot && { action: "terminate", time: now.spot },
  rebalance: () => now.rebalance && { noticeTime: now.rebalance },
  credentials: () => now.credentials,
} satisfies InstanceView;

const credentials = (id: string): RoleCredentials => ({
  accessKeyId: id,
  secretAccessKey: "secret",
  sessionToken: "token",
  lastUpdated: new Date("2026-11-21T12:00:00Z"),
  expiration: new Date("2026-11-21T18:00:00Z"),
});

beforeEach(async () => {
  now = { credentials: credentials("ASIA1") };
  imds = await start(base);
});
afterEach(() => imds.close());

const start = (view: InstanceView) => startImds(view, { port: 0, host: "127.0.0.1", clock });

const put = (headers: Record<string, string>, url = imds.url) =>
  fetch(`${url}/latest/api/token`, { method: "PUT", headers });
const ttl = "x-aws-ec2-metadata-token-ttl-seconds";

async function token(seconds = 60): Promise<string> {
  return (await put({ [ttl]: String(seconds) })).text();
}

async function read(path: string, withToken?: string): Promise<{ status: number; text: string }> {
  const headers = { "x-aws-ec2-metadata-token": withToken ?? (await token()) };
  const answer = await fetch(`${imds.url}/latest/${path}`, { headers });
  return { status: answer.status, text: await answer.text() };
}

test("a token needs a lifetime of 1 to 21600 seconds and a request that was not forwarded", async () => {
  const status = async (headers: Record<string, string>) => (await put(headers)).status;
  expect(await status({})).toBe(400);
  for (const wrong of ["0", "21601", "-5", "abc", "1.5", ""])
    expect(await status({ [ttl]: wrong })).toBe(400);
  for (const right of ["1", "21600"]) expect(await status({ [ttl]: right })).toBe(200);
  expect(await status({ [ttl]: "60", "x-forwarded-for": "203.0.113.9" })).toBe(403);
  expect((await put({ [ttl]: "60" })).headers.get(ttl)).toBe("60");
});

test("nothing without a token that is valid now", async () => {
  expect((await fetch(`${imds.url}/latest/meta-data/instance-id`)).status).toBe(401);
  expect((await read("meta-data/instance-id", "made-up")).status).toBe(401);
  const mine = await token(10);
  await clock.advance(9_999);
  expect(await read("meta-data/instance-id", mine)).toEqual({ status: 200, text: base.instanceId });
  await clock.advance(1);
  expect((await read("meta-data/instance-id", mine)).status).toBe(401);
});

test("version 1 only where the instance allows it, nothing where the endpoint is off", async () => {
  const optional = await start({ ...base, metadata: { ...base.metadata, tokens: "optional" } });
  const off = await start({ ...base, metadata: { ...base.metadata, enabled: false } });
  expect((await fetch(`${optional.url}/latest/meta-data/instance-id`)).status).toBe(200);
  const wrong = { headers: { "x-aws-ec2-metadata-token": "made-up" } };
  expect((await fetch(`${optional.url}/latest/meta-data/instance-id`, wrong)).status).toBe(401);
  expect((await put({ [ttl]: "60" }, off.url)).status).toBe(403);
  await Promise.all([optional.close(), off.close()]);
});

test("values and listings", async () => {
  const values = {
    "ami-id": base.imageId,
    "instance-life-cycle": "spot",
    "instance-type": "t3.micro",
    "local-ipv4": "127.0.1.7",
    "public-ipv4": "127.0.1.7",
    "placement/availability-zone": "us-east-1b",
    "placement/region": "us-east-1",
    "security-groups": "web\nown",
    mac: "02:00:7f:00:01:07",
    "network/interfaces/macs/02:00:7f:00:01:07/local-ipv4s": "127.0.1.7",
    "tags/instance": "everspot:site",
    "tags/instance/everspot:site": "shop",
    "iam/security-credentials/": "everspot-shop",
    "placement/": "availability-zone\navailability-zone-id\nregion",
  };
  for (const [path, text] of Object.entries(values)) {
    expect({ path, ...(await read(`meta-data/${path}`)) }).toEqual({ path, status: 200, text });
  }
  expect((await read("meta-data/")).text.split("\n")).toEqual(
    expect.arrayContaining(["ami-id", "block-device-mapping/", "iam/", "network/", "public-ipv4"]),
  );
  const document = JSON.parse((await read("dynamic/instance-identity/document")).text);
  expect(document).toMatchObject({
    instanceId: base.instanceId,
    region: "us-east-1",
    accountId: base.accountId,
  });
});

test("what is not there is 404", async () => {
  const paths = [
    "public-keys/",
    "autoscaling/target-lifecycle-state",
    "nonsense",
    "instance-id/",
    "toString",
  ];
  for (const path of [
    ...paths,
    "spot/instance-action",
    "spot/termination-time",
    "events/recommendations/rebalance",
  ]) {
    expect({ path, status: (await read(`meta-data/${path}`)).status }).toEqual({ path, status: 404 });
  }
  expect((await read("../etc/passwd")).status).toBe(404);
});

test("without a public address, role, tags or user data there is no such category", async () => {
  await imds.close();
  const { publicAddress: _, ...rest } = base;
  const metadata = { ...base.metadata, tags: false };
  imds = await start({
    ...rest,
    publicAddress: undefined,
    profile: undefined,
    userData: undefined,
    metadata,
  });
  for (const path of [
    "meta-data/public-ipv4",
    "meta-data/iam/info",
    "meta-data/tags/instance",
    "user-data",
  ]) {
    expect({ path, status: (await read(path)).status }).toEqual({ path, status: 404 });
  }
});

test("user data comes as its raw bytes", async () => {
  const answer = await fetch(`${imds.url}/latest/user-data`, {
    headers: { "x-aws-ec2-metadata-token": await token() },
  });
  expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([0x1f, 0x8b, 0x00, 0xff]);
});

test("credentials are those of now", async () => {
  const path = "meta-data/iam/security-credentials/everspot-shop";
  expect(JSON.parse((await read(path)).text)).toEqual({
    Code: "Success",
    LastUpdated: "2026-11-21T12:00:00Z",
    Type: "AWS-HMAC",
    AccessKeyId: "ASIA1",
    SecretAccessKey: "secret",
    Token: "token",
    Expiration: "2026-11-21T18:00:00Z",
  });
  now.credentials = credentials("ASIA2");
  expect(JSON.parse((await read(path)).text).AccessKeyId).toBe("ASIA2");
  expect((await read("meta-data/iam/security-credentials/everspot-other")).status).toBe(404);
});

test("notices appear when EC2 gives them", async () => {
  now.spot = new Date("2026-11-21T12:02:00.500Z");
  now.rebalance = new Date("2026-11-21T12:00:00Z");
  expect(JSON.parse((await read("meta-data/spot/instance-action")).text)).toEqual({
    action: "terminate",
    time: "2026-11-21T12:02:00Z",
  });
  expect((await read("meta-data/spot/termination-time")).text).toBe("2026-11-21T12:02:00Z");
  expect(JSON.parse((await read("meta-data/events/recommendations/rebalance")).text)).toEqual({
    noticeTime: "2026-11-21T12:00:00Z",
  });
});

test("faults hit the requests they are meant for, as often as they are meant to", async () => {
  const path = "meta-data/instance-id";
  imds.faults.push({ path: /instance-id$/, status: 500, times: 1 });
  imds.faults.push({ path: /instance-id$/, body: "<html>", times: 1 });
  expect((await read(path)).status).toBe(500);
  expect(await read(path)).toEqual({ status: 200, text: "<html>" });
  const mine = await token();
  imds.faults.push({ path: /ami-id/, status: 401, times: 1 });
  expect((await read("meta-data/ami-id", mine)).status).toBe(401);
  expect((await read("meta-data/ami-id", mine)).status).toBe(401);
  expect((await read("meta-data/ami-id")).status).toBe(200);
  imds.faults.push({ path: /instance-id$/, drop: true, times: 1 });
  await expect(read(path, mine)).rejects.toThrow();
});

test("a slow answer comes after its delay", async () => {
  const mine = await token();
  imds.faults.push({ path: /instance-id$/, delay: 30_000, times: 1 });
  let answered = false;
  const slow = read("meta-data/instance-id", mine).finally(() => {
    answered = true;
  });
  await expect.poll(() => clock.sleeping).toBe(1);
  await clock.advance(29_999);
  expect(answered).toBe(false);
  await clock.advance(1);
  expect((await slow).status).toBe(200);
});

test("requests are written down", async () => {
  await read("meta-data/ami-id");
  await fetch(`${imds.url}/latest/meta-data/ami-id`, { headers: { "user-agent": "probe/1" } });
  expect(imds.requests.map(({ method, path, status }) => ({ method, path, status }))).toEqual([
    { method: "PUT", path: "/latest/api/token", status: 200 },
    { method: "GET", path: "/latest/meta-data/ami-id", status: 200 },
    { method: "GET", path: "/latest/meta-data/ami-id", status: 401 },
  ]);
  expect(imds.requests.at(-1)?.userAgent).toBe("probe/1");
});
