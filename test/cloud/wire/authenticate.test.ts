import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import * as ec2 from "@aws-sdk/client-ec2";
import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { GetUserCommand, IAMClient } from "@aws-sdk/client-iam";
import * as route53 from "@aws-sdk/client-route-53";
import { ListHostedZonesCommand, Route53Client } from "@aws-sdk/client-route-53";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeParametersCommand, SSMClient } from "@aws-sdk/client-ssm";
import { Sha256 } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { S3 } from "../s3.ts";
import { Ssm } from "../ssm.ts";
import { WireServer } from "./server.ts";

const EMPTY = createHash("sha256").digest("hex");
const KEY = "deep/a+b c~ü.txt";
const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };

let server: WireServer;
let box: S3Client;
let folder: string;
/** How far the server's clock is ahead of this machine's. */
let ahead: number;
beforeEach(async () => {
  ahead = 0;
  server = new WireServer({
    secretOf: (key) => (key === "AKIATEST" ? "test" : undefined),
    now: () => Date.now() + ahead,
  });
  new S3(server);
  new Ssm(server);
  server.use(ec2, "ec2").use(iam, "iam").use(route53, "route53");
  server.on("ec2", "DescribeVpcs", () => ({ Vpcs: [] }));
  server.on("iam", "GetUser", () => ({
    User: { Path: "/", UserName: "u", UserId: "i", Arn: "a", CreateDate: new Date() },
  }));
  server.on("route53", "ListHostedZones", () => ({
    HostedZones: [],
    Marker: "",
    IsTruncated: false,
    MaxItems: 100,
  }));
  await server.start();
  box = new S3Client({ endpoint: server.endpoint });
  await box.send(new CreateBucketCommand({ Bucket: "box" }));
  await box.send(new PutObjectCommand({ Bucket: "box", Key: KEY, Body: "body" }));
  folder = await mkdtemp(path.join(tmpdir(), "everspot-wire-"));
});
afterEach(async () => {
  expect(server.faults).toEqual([]);
  box.destroy();
  await server.stop();
  await rm(folder, { recursive: true });
});

describe("every family of services refuses in its own words", () => {
  const call = (service: string, secretAccessKey: string, accessKeyId = "AKIATEST"): Promise<unknown> => {
    const config = {
      endpoint: server.endpoint,
      maxAttempts: 1,
      credentials: { accessKeyId, secretAccessKey },
    };
    switch (service) {
      case "s3":
        return new S3Client(config).send(new GetObjectCommand({ Bucket: "box", Key: KEY }));
      case "ec2":
        return new EC2Client(config).send(new DescribeVpcsCommand({}));
      case "iam":
        return new IAMClient(config).send(new GetUserCommand({}));
      case "route53":
        return new Route53Client(config).send(new ListHostedZonesCommand({}));
      default:
        return new SSMClient(config).send(new DescribeParametersCommand({}));
    }
  };
  const words = [
    { service: "s3", wrong: "SignatureDoesNotMatch", unknown: "InvalidAccessKeyId", status: 403 },
    { service: "ec2", wrong: "AuthFailure", unknown: "AuthFailure", status: 401 },
    { service: "iam", wrong: "SignatureDoesNotMatch", unknown: "InvalidClientTokenId", status: 403 },
    { service: "route53", wrong: "SignatureDoesNotMatch", unknown: "InvalidClientTokenId", status: 403 },
    {
      service: "ssm",
      wrong: "InvalidSignatureException",
      unknown: "UnrecognizedClientException",
      status: 400,
    },
  ];

  test.each(words)("$service", async ({ service, wrong, unknown, status }) => {
    await call(service, "test");
    const refused = (name: string) => ({ name, $metadata: { httpStatusCode: status } });
    await expect(call(service, "wrong")).rejects.toMatchObject(refused(wrong));
    await expect(call(service, "test", "AKIAOTHER")).rejects.toMatchObject(refused(unknown));
  });

  test("a refused call never reaches a handler", async () => {
    const before = server.calls.length;
    await expect(call("ec2", "wrong")).rejects.toThrow();
    expect(server.calls).toHaveLength(before);
  });

  test.each(words)("$service: a signature older than 15 minutes", async ({ service }) => {
    ahead = 14 * 60_000;
    await call(service, "test");
    ahead = 16 * 60_000;
    await expect(call(service, "test")).rejects.toThrow();
  });
});

/** One request as it is, without a client that repairs anything. */
function send(method: string, target: string, headers: Record<string, string>, body = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${server.endpoint}${target}`, { method, headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const code = /<Code>(\w+)<\/Code>/.exec(Buffer.concat(chunks).toString())?.[1] ?? "";
      resolve(`${response.statusCode} ${code}`.trim());
    });
    request.on("error", reject).end(body);
  });
}

const signer = (service: string): SignatureV4 =>
  new SignatureV4({
    credentials,
    region: "us-east-1",
    service,
    sha256: Sha256,
    uriEscapePath: service !== "s3",
  });

const hostAndPort = () => {
  const { hostname, port, host } = new URL(server.endpoint);
  return { protocol: "http:", hostname, port: Number(port), host };
};

describe("what was signed must arrive unchanged", () => {
  const target = "/box/k?x-id=PutObject";
  const signed = async (headers: Record<string, string> = {}): Promise<Record<string, string>> => {
    const { host, ...at } = hostAndPort();
    const all = {
      host,
      "x-amz-content-sha256": createHash("sha256").update("body").digest("hex"),
      ...headers,
    };
    const query = { "x-id": "PutObject" };
    return (await signer("s3").sign({ ...at, method: "PUT", path: "/box/k", query, headers: all })).headers;
  };

  test("as it was", async () => {
    expect(await send("PUT", target, await signed(), "body")).toBe("200");
  });

  test("another method, path, query, header or body is refused", async () => {
    const headers = await signed({ "x-amz-meta-a": "1" });
    const mismatch = "403 SignatureDoesNotMatch";
    expect(await send("GET", target, headers)).toBe(mismatch);
    expect(await send("PUT", "/box/other?x-id=PutObject", headers, "body")).toBe(mismatch);
    expect(await send("PUT", "/box/k", headers, "body")).toBe(mismatch);
    expect(await send("PUT", target, { ...headers, "x-amz-meta-a": "2" }, "body")).toBe(mismatch);
    expect(await send("PUT", target, headers, "other")).toBe("400 XAmzContentSHA256Mismatch");
  });

  test("S3 wants the hash of the body, and every x-amz- header signed", async () => {
    const headers = await signed();
    expect(await send("PUT", target, { ...headers, "x-amz-meta-a": "1" }, "body")).toBe("403 AccessDenied");
    const { host, ...at } = hostAndPort();
    const unhashed = new SignatureV4({
      credentials,
      region: "us-east-1",
      service: "s3",
      sha256: Sha256,
      uriEscapePath: false,
      applyChecksum: false,
    });
    const request = await unhashed.sign({
      ...at,
      method: "GET",
      path: "/box/k",
      query: {},
      headers: { host },
    });
    expect(await send("GET", "/box/k", request.headers)).toBe("400 InvalidRequest");
  });

  test("an unsigned request is refused without becoming a fault", async () => {
    expect(await send("GET", "/box/k", {})).toBe("403 AccessDenied");
  });
});

describe("a presigned URL", () => {
  const presigned = async (expiresIn: number): Promise<string> => {
    const { host, ...at } = hostAndPort();
    const key = KEY.split("/").map(encodeURIComponent).join("/");
    const request = await signer("s3").presign(
      {
        ...at,
        method: "GET",
        path: `/box/${key}`,
        query: {},
        headers: { host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
      },
      { expiresIn },
    );
    return `${request.path}?${new URLSearchParams(request.query as Record<string, string>)}`;
  };

  test("opens the object until it expires", async () => {
    const url = await presigned(60);
    expect(await (await fetch(`${server.endpoint}${url}`)).text()).toBe("body");
    ahead = 61_000;
    expect(await send("GET", url, {})).toBe("403 AccessDenied");
  });

  test("opens nothing else", async () => {
    const url = await presigned(60);
    expect(await send("GET", url.replace("Expires=60", "Expires=9999"), {})).toBe(
      "403 SignatureDoesNotMatch",
    );
    expect(await send("GET", url.replace(".txt", ".tx"), {})).toBe("403 SignatureDoesNotMatch");
    expect(await send("DELETE", url, {})).toBe("403 SignatureDoesNotMatch");
  });
});

test("a stream is sent in chunks with a trailing checksum, and arrives whole", async () => {
  const file = path.join(folder, "stream");
  const body = Buffer.alloc(300_000, "stream ");
  await writeFile(file, body);
  let encoding: unknown;
  server.before((call) => {
    if (call.operation === "PutObject") encoding = call.req.headers["content-encoding"];
  });
  const Body = createReadStream(file);
  await box.send(new PutObjectCommand({ Bucket: "box", Key: "s", Body, ContentLength: body.length }));
  const got = await box.send(new GetObjectCommand({ Bucket: "box", Key: "s", ChecksumMode: "ENABLED" }));
  expect(encoding).toBe("aws-chunked");
  expect(got.ContentEncoding).toBeUndefined();
  expect(got.ChecksumCRC32).toBeTruthy();
  expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
});

describe("curl, as an instance uses it", () => {
  const curl = async (secret: string, target: string, ...args: string[]) => {
    const config = path.join(folder, "config");
    await writeFile(config, `user = "AKIATEST:${secret}"\nheader = "x-amz-security-token: token"\n`, {
      mode: 0o600,
    });
    const out = path.join(folder, "out");
    const { stdout } = await execa("curl", [
      ...["-q", "-sS", "--noproxy", "*", "-K", config, "--aws-sigv4", "aws:amz:us-east-1:s3"],
      ...["-H", `x-amz-content-sha256: ${EMPTY}`, "-o", out, "-w", "%{http_code}", ...args],
      `${server.endpoint}${target}`,
    ]);
    return { status: stdout, body: await readFile(out, "utf8") };
  };

  test("fetches an object with the credentials of a role", async () => {
    await box.send(new PutObjectCommand({ Bucket: "box", Key: "agent/abc.tar.gz", Body: "agent" }));
    expect(await curl("test", "/box/agent/abc.tar.gz")).toEqual({ status: "200", body: "agent" });
    expect(server.calls.at(-1)).toMatchObject({ operation: "GetObject", sessionToken: "token" });
  });

  test("is refused with a wrong secret", async () => {
    const refused = await curl("wrong", "/box/agent/abc.tar.gz");
    expect(refused.status).toBe("403");
    expect(refused.body).toContain("SignatureDoesNotMatch");
  });
});
