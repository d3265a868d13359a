import { Readable } from "node:stream";
import * as ec2 from "@aws-sdk/client-ec2";
import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as route53 from "@aws-sdk/client-route-53";
import { ListHostedZonesCommand, Route53Client } from "@aws-sdk/client-route-53";
import * as s3 from "@aws-sdk/client-s3";
import { GetObjectCommand, HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import * as ssm from "@aws-sdk/client-ssm";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AwsError, ContractError, internalError, Reply, slowDown, throttled, WireServer } from "./server.ts";

let server: WireServer;
let ec2Client: EC2Client;
beforeEach(async () => {
  server = new WireServer();
  server.use(ec2, "ec2").use(route53, "route53").use(s3, "s3").use(ssm, "ssm").use(sts, "sts");
  await server.start();
  ec2Client = new EC2Client({ endpoint: server.endpoint });
});
afterEach(async () => {
  ec2Client.destroy();
  await server.stop();
});

const describeVpcs = () => ec2Client.send(new DescribeVpcsCommand({ VpcIds: ["vpc-1"] }));
const serveVpcs = () => {
  let calls = 0;
  server.on("ec2", "DescribeVpcs", () => ({ Vpcs: [{ VpcId: `vpc-${++calls}` }] }));
  return () => calls;
};
/** The faults so far, and none left. */
const faults = () => server.faults.splice(0).map((fault) => `${fault.name}: ${fault.message}`);

describe("a call", () => {
  test("has the input of the SDK, and who made it", async () => {
    serveVpcs();
    expect((await describeVpcs()).Vpcs).toEqual([{ VpcId: "vpc-1" }]);
    expect(server.calls).toMatchObject([
      {
        service: "ec2",
        operation: "DescribeVpcs",
        input: { VpcIds: ["vpc-1"] },
        accessKeyId: "AKIATEST",
        region: "us-east-1",
      },
    ]);
  });

  test("passes every hook, in order, before its handler", async () => {
    const order: string[] = [];
    server.before(async () => void order.push("first")).before(() => void order.push("second"));
    server.on("ec2", "DescribeVpcs", () => void order.push("handler"));
    await describeVpcs();
    expect(order).toEqual(["first", "second", "handler"]);
  });

  test("is refused by a hook", async () => {
    const calls = serveVpcs();
    server.before(() => {
      throw new AwsError("UnauthorizedOperation", "You are not authorized", 403);
    });
    await expect(describeVpcs()).rejects.toMatchObject({
      name: "UnauthorizedOperation",
      message: "You are not authorized",
    });
    expect(calls()).toBe(0);
    expect(faults()).toEqual([]);
  });

  test("may be unsigned where AWS allows it", async () => {
    server.on("sts", "AssumeRoleWithWebIdentity", () => ({ Audience: "sts" }));
    const client = new STSClient({ endpoint: server.endpoint });
    const input = {
      RoleArn: `arn:aws:iam::123456789012:role/r`,
      RoleSessionName: "s",
      WebIdentityToken: "token",
    };
    expect(await client.send(new AssumeRoleWithWebIdentityCommand(input))).toMatchObject({ Audience: "sts" });
    expect(server.calls.at(-1)).toMatchObject({ accessKeyId: undefined });
    client.destroy();
  });
});

describe("errors of AWS arrive in each protocol's form", () => {
  const error = new AwsError("SomeCode", 'a <message> & "more"', 400, { Detail: "d" });
  const refused = { name: "SomeCode", message: 'a <message> & "more"', $metadata: { httpStatusCode: 400 } };

  test("ec2Query", async () => {
    server.on("ec2", "DescribeVpcs", () => Promise.reject(error));
    await expect(describeVpcs()).rejects.toMatchObject(refused);
  });
  test("restXml", async () => {
    server.on("route53", "ListHostedZones", () => Promise.reject(error));
    const client = new Route53Client({ endpoint: server.endpoint });
    await expect(client.send(new ListHostedZonesCommand({}))).rejects.toMatchObject(refused);
  });
  test("S3", async () => {
    server.on("s3", "GetObject", () => Promise.reject(error));
    const client = new S3Client({ endpoint: server.endpoint });
    const get = client.send(new GetObjectCommand({ Bucket: "b", Key: "k" }));
    await expect(get).rejects.toMatchObject({ ...refused, Detail: "d" });
  });
  test("awsJson", async () => {
    server.on("ssm", "GetParameter", () => Promise.reject(error));
    const client = new SSMClient({ endpoint: server.endpoint });
    await expect(client.send(new GetParameterCommand({ Name: "n" }))).rejects.toMatchObject(refused);
  });
  test("HEAD has no body", async () => {
    server.on("s3", "HeadObject", () => Promise.reject(new AwsError("NoSuchKey", "gone", 404)));
    const client = new S3Client({ endpoint: server.endpoint });
    const head = client.send(new HeadObjectCommand({ Bucket: "b", Key: "k" }));
    await expect(head).rejects.toMatchObject({ name: "NotFound" });
  });
});

describe("what AWS would not do is a fault, and not tried again", () => {
  const refused = { $metadata: { httpStatusCode: 418, attempts: 1 } };

  test("an operation without a handler", async () => {
    await expect(describeVpcs()).rejects.toMatchObject(refused);
    expect(faults()).toEqual(["ContractError: no handler for ec2.DescribeVpcs"]);
  });

  test.each([
    ["an unknown member", { Vpcs: [{ VpcID: "x" }] }, 'Vpcs[0]: no member "VpcID"'],
    ["a value of another type", { Vpcs: [{ VpcId: 7 }] }, "Vpcs[0].VpcId: want a string, got number"],
    ["no list", { Vpcs: { VpcId: "x" } }, "Vpcs: want a list"],
  ])("%s in an output", async (_what, output, message) => {
    server.on("ec2", "DescribeVpcs", () => output);
    await expect(describeVpcs()).rejects.toMatchObject(refused);
    expect(faults()[0]).toContain(message);
  });

  test("a missing member in an output or an input", async () => {
    server.on("route53", "ListHostedZones", () => ({ HostedZones: [], Marker: "" }));
    const client = new Route53Client({ endpoint: server.endpoint });
    await expect(client.send(new ListHostedZonesCommand({}))).rejects.toMatchObject(refused);
    expect(faults()[0]).toContain('required member "IsTruncated" is missing');
    const parameters = new SSMClient({ endpoint: server.endpoint });
    await expect(parameters.send(new GetParameterCommand({} as { Name: string }))).rejects.toMatchObject(
      refused,
    );
    expect(faults()[0]).toContain('required member "Name" is missing');
  });

  test("a handler that breaks", async () => {
    server.on("ec2", "DescribeVpcs", () => {
      throw new TypeError("oops");
    });
    await expect(describeVpcs()).rejects.toMatchObject(refused);
    expect(faults()).toEqual(["TypeError: oops"]);
  });

  test("a handler for an operation that does not exist", () => {
    expect(() => server.on("ec2", "DescribeVpc", () => ({}))).toThrow(ContractError);
    expect(() => server.disturb("nope", "DescribeVpcs", { loseReply: true })).toThrow(ContractError);
  });
});

describe("members no schema has", () => {
  const authorization = (service: string): string =>
    `AWS4-HMAC-SHA256 Credential=AKIATEST/20261120/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  const send = (path: string, headers: Record<string, string>, body?: string) =>
    fetch(`${server.endpoint}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers,
      ...(body && { body }),
    });

  test("in a form", async () => {
    const body = new URLSearchParams({ Action: "DescribeVpcs", Version: "2016-11-15", "Filter.1.Nam": "x" });
    await send("/", { authorization: authorization("ec2") }, body.toString());
    expect(faults()[0]).toContain("query parameter .Filters[0].Nam is in no schema");
  });
  test("in JSON", async () => {
    const target = "AmazonSSM.GetParameter";
    await send(
      "/",
      { authorization: authorization("ssm"), "x-amz-target": target },
      '{"Name":"n","Nam":"x"}',
    );
    expect(faults()[0]).toContain('no member "Nam"');
  });
  test("in a query string or a header", async () => {
    await send("/2013-04-01/hostedzone?maxitem=1", { authorization: authorization("route53") });
    expect(faults()[0]).toContain('no query parameter "maxitem"');
    await send("/b/k", { authorization: authorization("s3"), "x-amz-meta": "x" });
    expect(faults()[0]).toContain('no header "x-amz-meta"');
  });
  test("a chunked body shorter than announced is refused, as by S3", async () => {
    server.on("s3", "PutObject", () => ({}));
    const send = (length: string) =>
      fetch(`${server.endpoint}/b/k`, {
        method: "PUT",
        headers: {
          authorization: authorization("s3"),
          "content-encoding": "aws-chunked",
          "x-amz-decoded-content-length": length,
        },
        body: "3\r\nabc\r\n0\r\n\r\n",
      });
    expect((await send("3")).status).toBe(200);
    expect(await (await send("4")).text()).toContain("<Code>IncompleteBody</Code>");
    expect(faults()).toEqual([]);
  });
  test("an unknown action, target, path or service", async () => {
    await send("/", { authorization: authorization("ec2") }, "Action=Nope&Version=2016-11-15");
    await send("/", { authorization: authorization("ec2") }, "Action=DescribeVpcs&Version=2000-01-01");
    await send("/", { authorization: authorization("ssm"), "x-amz-target": "AmazonSSM.Nope" }, "{}");
    await send("/2013-04-01/nope", { authorization: authorization("route53") });
    await send("/", { authorization: authorization("lambda") });
    expect(faults()).toHaveLength(5);
  });
});

describe("disturbances", () => {
  test("a lost request is tried again; its handler ran once", async () => {
    const calls = serveVpcs();
    server.disturb("ec2", "DescribeVpcs", { loseRequest: true });
    expect(await describeVpcs()).toMatchObject({ Vpcs: [{ VpcId: "vpc-1" }], $metadata: { attempts: 2 } });
    expect(calls()).toBe(1);
  });

  test("a lost reply is tried again; its handler ran twice", async () => {
    const calls = serveVpcs();
    server.disturb("ec2", "DescribeVpcs", { loseReply: true });
    expect(await describeVpcs()).toMatchObject({ Vpcs: [{ VpcId: "vpc-2" }], $metadata: { attempts: 2 } });
    expect(calls()).toBe(2);
  });

  test.each([throttled(), internalError(), slowDown()])("$code is tried again", async (error) => {
    const calls = serveVpcs();
    server.disturb("ec2", "DescribeVpcs", { error });
    expect(await describeVpcs()).toMatchObject({ $metadata: { attempts: 2 } });
    expect(calls()).toBe(1);
  });

  test("only the nth call of that operation, and only once", async () => {
    serveVpcs();
    server.disturb("ec2", "DescribeVpcs", { error: new AwsError("Once", "once", 400) }, 2);
    await describeVpcs();
    await expect(describeVpcs()).rejects.toMatchObject({ name: "Once" });
    await describeVpcs();
  });

  test("a delay", async () => {
    serveVpcs();
    server.disturb("ec2", "DescribeVpcs", { delayMs: 60 });
    const before = performance.now();
    await describeVpcs();
    expect(performance.now() - before).toBeGreaterThan(55);
  });
});

describe("replies", () => {
  const get = async () => {
    const client = new S3Client({ endpoint: server.endpoint, maxAttempts: 1 });
    return client.send(new GetObjectCommand({ Bucket: "b", Key: "k" }));
  };

  test("may have a status and headers of their own", async () => {
    server.on(
      "s3",
      "GetObject",
      () => new Reply({ Body: Buffer.from("x") }, { status: 206, headers: { etag: '"e"' } }),
    );
    expect(await get()).toMatchObject({ ETag: '"e"', $metadata: { httpStatusCode: 206 } });
  });

  test("may be streamed, and cut when the stream fails", async () => {
    server.on("s3", "GetObject", () => ({ Body: Readable.from(["ab", "cd"]), ContentLength: 4 }));
    expect(await (await get()).Body?.transformToString()).toBe("abcd");
    server.on("s3", "GetObject", () => ({ Body: Readable.from(["ab"]), ContentLength: 4 }));
    await expect(get().then((got) => got.Body?.transformToString())).rejects.toThrow();
  });

  test("carry the server's date", async () => {
    const dated = await new WireServer({ now: () => Date.parse("2030-01-01") }).start();
    const response = await fetch(dated.endpoint);
    expect(response.headers.get("date")).toBe("Tue, 01 Jan 2030 00:00:00 GMT");
    await dated.stop();
  });
});

test("stopping cuts what is open, and can be done twice", async () => {
  let entered = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    entered = resolve;
  });
  server.on("ec2", "DescribeVpcs", () => {
    entered();
    return new Promise(() => {});
  });
  const call = new EC2Client({ endpoint: server.endpoint, maxAttempts: 1 }).send(new DescribeVpcsCommand({}));
  const cut = expect(call).rejects.toThrow();
  await waiting;
  await server.stop();
  await server.stop();
  await cut;
});
