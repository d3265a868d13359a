import * as ec2 from "@aws-sdk/client-ec2";
import {
  CreateFleetCommand,
  DescribeVpcsCommand,
  EC2Client,
  type EC2ClientConfig,
} from "@aws-sdk/client-ec2";
import * as s3 from "@aws-sdk/client-s3";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Traffic } from "../traffic.ts";
import { AwsError, internalError, throttled, WireServer } from "./server.ts";

let server: WireServer;
let clients: EC2Client[];
/** The server's clock, in milliseconds. */
let ahead: number;
beforeEach(async () => {
  clients = [];
  delete process.env.EVERSPOT_WIRE;
  ahead = 0;
  server = await new WireServer({
    inProcess: true,
    now: () => Date.now() + ahead,
    secretOf: (key) => (key === "AKIATEST" ? "test" : undefined),
  })
    .use(ec2, "ec2")
    .use(s3, "s3")
    .on("s3", "PutObject", () => ({ ETag: '"1"' }))
    .on("ec2", "DescribeVpcs", () => ({ Vpcs: [{ VpcId: "vpc-1" }] }))
    .on("ec2", "CreateFleet", () => ({ FleetId: "fleet-1" }))
    .start();
  // From its second time on an operation may go the short way.
  const client = make();
  await client.send(new DescribeVpcsCommand({}));
  await client.send(fleet());
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  expect(server.faults).toEqual([]);
  await server.stop();
});

function make(config: EC2ClientConfig = {}): EC2Client {
  const client = new EC2Client({ endpoint: server.endpoint, ...config });
  clients.push(client);
  return client;
}

const fleet = () =>
  new CreateFleetCommand({
    LaunchTemplateConfigs: [
      { LaunchTemplateSpecification: { LaunchTemplateName: "t", Version: "1" }, Overrides: [] },
    ],
    TargetCapacitySpecification: { TotalTargetCapacity: 1 },
  });

/** Whether the last call came without what the SDK says of itself in a header, as those do that go the short way. */
const wasShort = () => server.calls.at(-1)?.req.headers["user-agent"] === undefined;

const STEPS = ["initialize", "serialize", "build", "finalizeRequest", "deserialize"] as const;
interface Middlewares {
  add(middleware: (next: Next) => Next, options: { step: (typeof STEPS)[number]; name: string }): void;
}
type Next = (args: object) => Promise<{ response: unknown; output?: unknown }>;

function watch({ middlewareStack }: { middlewareStack: unknown }, who: string, seen: string[]): void {
  for (const step of [...STEPS].reverse()) {
    const told: (next: Next) => Next = (next) => async (args) => {
      const { request } = args as { request?: { headers: object } };
      const headers = Object.keys(request?.headers ?? {}).filter((name) => name.includes("checksum"));
      seen.push(
        [`${who} ${step}`, ...(request === undefined ? [] : ["with a request", ...headers])].join(" "),
      );
      const result = await next(args);
      seen.push(`${who} ${step} is answered${result.output === undefined ? "" : " with an output"}`);
      return result;
    };
    (middlewareStack as Middlewares).add(told, { step, name: `${who} ${step}` });
  }
}

test.each([
  ["ec2", (config: object) => new EC2Client(config), () => new DescribeVpcsCommand({})],
  [
    "s3",
    (config: object) => new S3Client(config),
    () => new PutObjectCommand({ Bucket: "box", Key: "k", Body: "b" }),
  ],
] as const)(
  "every other middleware runs as it would the whole way, also one that came later: %s",
  async (_, client, command) => {
    const seenOn = async () => {
      const seen: string[] = [];
      const one = client({ endpoint: server.endpoint }) as EC2Client;
      clients.push(one);
      const send = (it: object) => one.send(it as DescribeVpcsCommand);
      await send(command());
      watch(one, "the client's", seen);
      const watched = command();
      watch(watched, "the command's", seen);
      const { $metadata, ...output } = await send(watched);
      return [seen, output, { ...$metadata, requestId: "" }];
    };
    await seenOn();
    const short = await seenOn();
    expect(wasShort()).toBe(true);
    await server.stop();
    process.env.EVERSPOT_WIRE = "bytes";
    await server.start();
    const whole = await seenOn();
    expect(wasShort()).toBe(false);
    expect(short).toEqual(whole);
    expect(short[0]).toHaveLength(20);
  },
);

test.each([
  ["a server's error", internalError],
  ["too many calls", throttled],
])("%s: it is repeated as ever, as the same call, and passes the first step once", async (_, error) => {
  const client = make();
  const seen: string[] = [];
  watch(client, "its", seen);
  const tokens: unknown[] = [];
  server.before(({ input, operation }) => {
    if (operation !== "CreateFleet") return;
    tokens.push(input.ClientToken);
    if (tokens.length < 3) throw error();
  });
  const { $metadata } = await client.send(fleet());
  expect($metadata).toMatchObject({ attempts: 3, httpStatusCode: 200 });
  expect(new Set(tokens).size).toBe(1);
  expect(tokens).toHaveLength(3);
  expect(seen.filter((step) => step === "its initialize")).toHaveLength(1);
});

test("an error is the SDK's own, and was answered once", async () => {
  const refused = new AwsError("InvalidVpcID.NotFound", "The vpc ID 'vpc-2' does not exist");
  server.before(() => {
    throw refused;
  });
  const before = server.calls.length;
  const error = await make()
    .send(new DescribeVpcsCommand({}))
    .catch((e: unknown) => e);
  expect(error).toMatchObject({
    ...{ name: "InvalidVpcID.NotFound", message: refused.message },
    $metadata: { httpStatusCode: 400, attempts: 1 },
    $response: { statusCode: 400 },
  });
  expect(wasShort()).toBe(true);
  expect(server.calls.length - before).toBe(1);
});

test("who gives up leaves nothing under way", async () => {
  const traffic = new Traffic();
  let arrived = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  server.before(async () => {
    arrived();
    await new Promise(() => {});
  });
  const stop = new AbortController();
  const call = make().send(new DescribeVpcsCommand({}), { abortSignal: stop.signal });
  await arrival;
  expect(wasShort()).toBe(true);
  stop.abort();
  await expect(call).rejects.toMatchObject({ name: "AbortError" });
  await traffic.quiet();
  traffic.stop();
});

test("nor does who cannot go on", async () => {
  const traffic = new Traffic();
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test", expiration: new Date(0) };
  // What has expired is asked for once more at once.
  const given = [credentials, credentials];
  server.before(() => {
    throw internalError();
  });
  const client = make({
    credentials: async () => {
      const one = given.pop();
      if (one === undefined) throw new Error("no more");
      return one;
    },
  });
  const before = server.calls.length;
  await expect(client.send(new DescribeVpcsCommand({}))).rejects.toThrow("no more");
  expect(server.calls.length - before).toBe(1);
  await traffic.quiet();
  traffic.stop();
});

test("what succeeds gives back of what repetitions took", async () => {
  const client = make();
  let isDown = true;
  server.before(() => {
    if (isDown) throw internalError();
  });
  const attempts = () =>
    client.send(new DescribeVpcsCommand({})).then(
      ({ $metadata }) => $metadata.attempts,
      ({ $metadata }: { $metadata: { attempts: number } }) => $metadata.attempts,
    );
  while ((await attempts()) !== 1);
  isDown = false;
  for (let calls = 0; calls < 50; calls++) expect(await attempts()).toBe(1);
  expect(wasShort()).toBe(true);
  isDown = true;
  expect(await attempts()).toBe(3);
});

test("credentials that cannot be had are asked for once", async () => {
  let times = 0;
  const credentials = async () => {
    times += 1;
    throw new Error("no one is there");
  };
  const before = server.calls.length;
  await expect(make({ credentials }).send(new DescribeVpcsCommand({}))).rejects.toThrow("no one is there");
  expect([times, server.calls.length - before]).toEqual([1, 0]);
});

test("a client sets its clock by a server that has another time", async () => {
  const client = make();
  ahead = 3_600_000;
  await client.send(new DescribeVpcsCommand({}));
  const { systemClockOffset } = client.config;
  expect(Math.abs(systemClockOffset - ahead)).toBeLessThan(60_000);
});
