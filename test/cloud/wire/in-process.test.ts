import diagnostics from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import { Readable } from "node:stream";
import * as ec2 from "@aws-sdk/client-ec2";
import { CreateFleetCommand, DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetParameterCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startCloud } from "../cloud.ts";
import { S3 } from "../s3.ts";
import { Ssm } from "../ssm.ts";
import { Traffic } from "../traffic.ts";
import { internalError, WireServer } from "./server.ts";

const AT = Date.parse("2026-11-20T10:00:00Z");
let servers: WireServer[];
let clients: { destroy(): void }[];
/** Of the requests over HTTP of this whole process: where each went. */
let asked: string[];
const note = (message: unknown) => {
  asked.push(String((message as { request: ClientRequest }).request.getHeader("host")));
};
const socketsTo = ({ endpoint }: { endpoint: string }): number =>
  asked.filter((host) => `http://${host}` === endpoint).length;

beforeEach(() => {
  [servers, clients, asked] = [[], [], []];
  diagnostics.subscribe("http.client.request.start", note);
});
afterEach(async () => {
  diagnostics.unsubscribe("http.client.request.start", note);
  for (const client of clients) client.destroy();
  for (const server of servers) {
    expect(server.faults).toEqual([]);
    await server.stop();
  }
});

async function start(inProcess: boolean | "bytes") {
  const server = new WireServer({
    inProcess,
    simulated: true,
    now: () => AT,
    secretOf: (key) => (key === "AKIATEST" ? "test" : undefined),
  });
  new S3(server, { now: () => AT });
  new Ssm(server, { now: () => AT });
  server.use(ec2, "ec2").on("ec2", "DescribeVpcs", () => ({ Vpcs: [{ VpcId: "vpc-1" }] }));
  servers.push(await server.start());
  const { endpoint } = server;
  const made = {
    server,
    s3: new S3Client({ endpoint, maxAttempts: 1 }),
    ec2: new EC2Client({ endpoint, maxAttempts: 2 }),
    ssm: new SSMClient({ endpoint, maxAttempts: 1 }),
  };
  clients.push(made.s3, made.ec2, made.ssm);
  return made;
}

/** A bit of everything: XML, JSON, bytes, metadata, no body, errors. */
async function talk({ s3, ec2, ssm, server }: Awaited<ReturnType<typeof start>>): Promise<unknown[]> {
  const Bucket = "box";
  const at = { Bucket, Key: "deep/a+b c~ü.txt" };
  const said: unknown[] = [];
  const say = async (answer: Promise<object>) => {
    const { $metadata, Body, ...rest } = (await answer.catch((e: object) => ({ ...e, text: String(e) }))) as {
      $metadata: { httpStatusCode?: number; requestId?: string; attempts?: number };
      Body?: { transformToString(): Promise<string> };
      $response?: unknown;
    };
    const { httpStatusCode, requestId, attempts } = $metadata;
    const { $response: _, ...seen } = rest;
    said.push({ ...seen, httpStatusCode, requestId, attempts, body: await Body?.transformToString() });
  };
  await say(s3.send(new CreateBucketCommand({ Bucket })));
  await say(s3.send(new PutObjectCommand({ ...at, Body: "body é", Metadata: { who: "ann" } })));
  await say(s3.send(new PutObjectCommand({ ...at, Body: "other", IfNoneMatch: "*" })));
  await say(s3.send(new GetObjectCommand(at)));
  await say(s3.send(new GetObjectCommand({ ...at, Range: "bytes=1-2" })));
  await say(s3.send(new HeadObjectCommand(at)));
  await say(s3.send(new HeadObjectCommand({ Bucket, Key: "none" })));
  await say(s3.send(new ListObjectsV2Command({ Bucket, Prefix: "deep/" })));
  await say(s3.send(new PutObjectCommand({ Bucket, Key: "empty" })));
  await say(s3.send(new GetObjectCommand({ Bucket, Key: "empty" })));
  await say(ec2.send(new DescribeVpcsCommand({})));
  await say(ssm.send(new PutParameterCommand({ Name: "/a", Value: "1", Type: "String" })));
  await say(ssm.send(new GetParameterCommand({ Name: "/a" })));
  await say(ssm.send(new GetParameterCommand({ Name: "/none" })));
  said.push(
    server.calls.map(({ operation, input, accessKeyId, req }) => [operation, input, accessKeyId, req.method]),
  );
  return said;
}

test.each([true, "bytes"] as const)(
  "what is handed over is answered as over HTTP, without a socket: %s",
  async (how) => {
    const http = await start(false);
    const overHttp = await talk(http);
    expect(socketsTo(http.server)).toBe(14);
    // The second time without all of the SDK: see short-way.ts.
    for (let time = 0; time < 2; time++) {
      const handed = await start(how);
      expect(await talk(handed)).toEqual(overHttp);
      expect(socketsTo(handed.server)).toBe(0);
    }
  },
);

test.each([true, "bytes"] as const)(
  "neither side sees what the other does to its bytes later: %s",
  async (how) => {
    const { s3, server } = await start(how);
    await s3.send(new CreateBucketCommand({ Bucket: "box" }));
    const at = { Bucket: "box", Key: "k" };
    const Body = Buffer.from("sent");
    await s3.send(new PutObjectCommand({ ...at, Body }));
    Body.fill("x");
    const got = await s3.send(new GetObjectCommand(at));
    (await got.Body?.transformToByteArray())?.fill(0);
    const again = await s3.send(new GetObjectCommand(at));
    expect(await again.Body?.transformToString()).toBe("sent");
    expect(server.calls).toHaveLength(4);
  },
);

test.each([false, true, "bytes"] as const)(
  "whose secret is wrong is refused, and what is repeated keeps its token: %s",
  async (how) => {
    const { server } = await start(how);
    const told = async (accessKeyId: string, secretAccessKey: string) => {
      const credentials = { accessKeyId, secretAccessKey };
      const client = new EC2Client({ endpoint: server.endpoint, credentials, maxAttempts: 2 });
      clients.push(client);
      const asked = client.send(new DescribeVpcsCommand({}));
      return asked.then(
        () => "answered",
        (error: Error) => error.name,
      );
    };
    expect(await told("AKIATEST", "guessed")).toBe("AuthFailure");
    expect(await told("AKIAOTHER", "test")).toBe("AuthFailure");
    server.on("ec2", "CreateFleet", () => ({ FleetId: "fleet-1" }));
    const tokens: unknown[] = [];
    server.before(({ operation, input, region }) => {
      if (operation !== "CreateFleet") return;
      tokens.push([input.ClientToken, region]);
      if (tokens.length === 1) throw internalError();
    });
    const template = { LaunchTemplateName: "t", Version: "1" };
    const made = {
      LaunchTemplateConfigs: [{ LaunchTemplateSpecification: template, Overrides: [] }],
      TargetCapacitySpecification: { TotalTargetCapacity: 1 },
    };
    const client = new EC2Client({ endpoint: server.endpoint, region: "eu-west-1" });
    clients.push(client);
    expect((await client.send(new CreateFleetCommand(made))).$metadata.attempts).toBe(2);
    expect(tokens).toEqual([
      [expect.stringMatching(/^[0-9a-f-]{36}$/), "eu-west-1"],
      [(tokens[0] as unknown[])[0], "eu-west-1"],
    ]);
  },
);

test("a stream and whatever is disturbed keep their sockets", async () => {
  const { s3, ec2, server } = await start(true);
  await s3.send(new CreateBucketCommand({ Bucket: "box" }));
  const Body = Readable.from([Buffer.from("a stream")]);
  await s3.send(new PutObjectCommand({ Bucket: "box", Key: "k", Body, ContentLength: 8 }));
  expect(socketsTo(server)).toBe(1);
  server.disturb("ec2", "DescribeVpcs", { loseReply: true });
  expect((await ec2.send(new DescribeVpcsCommand({}))).$metadata.attempts).toBe(2);
  // Nothing is to come any more when it is tried again.
  expect(socketsTo(server)).toBe(2);
});

test.each([
  [{}, 0],
  [{ sockets: true }, 1],
])("the whole account, %j: %i sockets", async (options, wanted) => {
  const cloud = await startCloud(options);
  const client = new EC2Client({ endpoint: cloud.endpoint });
  await client.send(new DescribeVpcsCommand({}));
  expect(socketsTo(cloud)).toBe(wanted);
  client.destroy();
  await cloud.close();
});

test("who gives up is answered no more, and who stops answers no one", async () => {
  const { ec2, server } = await start(true);
  const traffic = new Traffic();
  let arrived = () => {};
  const arrival = () =>
    new Promise<void>((resolve) => {
      arrived = resolve;
    });
  let release = () => {};
  server.before(async () => {
    arrived();
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  const stop = new AbortController();
  const first = arrival();
  const given = ec2.send(new DescribeVpcsCommand({}), { abortSignal: stop.signal });
  await first;
  stop.abort(new Error("enough"));
  await expect(given).rejects.toMatchObject({ name: "AbortError" });
  release();
  const gone = ec2.send(new DescribeVpcsCommand({}), { abortSignal: stop.signal });
  await expect(gone).rejects.toMatchObject({ name: "AbortError" });
  const second = arrival();
  const left = ec2.send(new DescribeVpcsCommand({}));
  await second;
  const stopped = server.stop();
  await expect(left).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await stopped;
  release();
  await traffic.quiet();
  traffic.stop();
});
