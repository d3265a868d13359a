/**
 * The operations of every service the project has a client for, through the real client and back: the alarm
 * for an upgrade of the SDK that changes how schemas are kept. `npm test` goes through every tenth of those services
 * that write hundreds of operations in one way; scripts/test, which sets EVERSPOT_WIRE, goes through all of them.
 */
import http from "node:http";
import type { LookupFunction } from "node:net";
import { isDeepStrictEqual } from "node:util";
import * as acm from "@aws-sdk/client-acm";
import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as route53 from "@aws-sdk/client-route-53";
import * as s3 from "@aws-sdk/client-s3";
import * as ssm from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { comparable, Sampler } from "./sample.ts";
import { WireServer } from "./server.ts";
import { loadService } from "./service.ts";

type Sample = Record<string, unknown>;

const services = [
  { module: ec2, name: "ec2", client: "EC2Client", operations: 750, alike: true },
  { module: s3, name: "s3", client: "S3Client", operations: 100 },
  { module: route53, name: "route53", client: "Route53Client", operations: 70 },
  { module: acm, name: "acm", client: "ACMClient", operations: 15 },
  { module: iam, name: "iam", client: "IAMClient", operations: 160, alike: true },
  { module: sts, name: "sts", client: "STSClient", operations: 8 },
  { module: ssm, name: "ssm", client: "SSMClient", operations: 140, alike: true },
];

const ALL = process.env.EVERSPOT_WIRE === "bytes";
const ONE_OF = 10;

/** Members the client itself computes, checks or splits off, so that a sample cannot stand in for them. */
const S3_INPUT =
  /^(SSECustomer|CopySourceSSE|Checksum|ContentMD5|ExpectedBucketOwner|ContentLength|MpuObjectSize)/;
const S3_OUTPUT = /^(Checksum|ContentLength$|PartsCount|ExpiresString)/;
const S3_COMPUTED = ["ChecksumAlgorithm", "ContentLength", "ChecksumCRC32", "ChecksumMode"];

/** Neither is addressed by a bucket: one goes to a host of its own, the other to S3 Express. */
const EXCEPT = ["WriteGetObjectResponse", "ListDirectoryBuckets"];

const secretOf = (key: string) => (key === "AKIATEST" ? "test" : undefined);
let servers: Record<"http" | "hand", WireServer>;
beforeAll(async () => {
  // Here the other way is the SDK's own shapes.
  delete process.env.EVERSPOT_WIRE;
  servers = {
    http: await new WireServer({ secretOf }).start(),
    hand: await new WireServer({ secretOf, inProcess: true }).start(),
  };
});
afterAll(() => Promise.all(Object.values(servers).map((server) => server.stop())));

/** Some operations put a label before the host name: everything is looked up on loopback. */
const lookup: LookupFunction = (_host, options, done) =>
  options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);

interface Client {
  send(command: object): Promise<Sample>;
}

function makeClient(module: object, name: string, way: "http" | "hand"): Client {
  const Client = (module as Record<string, unknown>)[name] as new (options: object) => Client;
  const { endpoint } = servers[way];
  return new Client({
    endpoint: way === "http" ? endpoint.replace("127.0.0.1", "localhost") : endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
    maxAttempts: 1,
    forcePathStyle: true,
    disableHostPrefix: true,
    requestHandler: new NodeHttpHandler({ httpAgent: new http.Agent({ lookup }) }),
  });
}

const TIMES = { http: 1, hand: 2 };

/** Operations of STS that no one signs: they go the whole way. */
const UNSIGNED = 2;

const sampler = new Sampler();

function adapt(service: string, input: Sample, output: Sample): void {
  if (service === "s3") {
    if (input.Bucket !== undefined) input.Bucket = "buck";
    if (input.Key !== undefined) input.Key = "k/ é+$&";
    for (const key of Object.keys(input)) if (S3_INPUT.test(key)) delete input[key];
    for (const key of Object.keys(output)) if (S3_OUTPUT.test(key)) delete output[key];
  }
  // Its client cuts "/hostedzone/" and the like off.
  if (service === "route53") {
    for (const key of ["HostedZoneId", "Id", "DelegationSetId"]) {
      if (typeof input[key] === "string") input[key] = "Z123";
    }
  }
}

async function withoutStreams(output: Sample): Promise<Sample> {
  const read = async (value: unknown): Promise<unknown> => {
    const stream = value as { transformToByteArray?: () => Promise<Uint8Array> } | undefined;
    return stream?.transformToByteArray ? stream.transformToByteArray() : value;
  };
  const entries = Object.entries(output).map(async ([key, value]) => [key, await read(value)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Of a thousand comparisons only those that fail need a report. */
function assertSame(got: unknown, want: unknown): void {
  const [a, b] = [comparable(got), comparable(want)];
  if (!isDeepStrictEqual(a, b)) expect(a).toEqual(b);
}

describe.each(["http", "hand"] as const)("by %s", (way) => {
  test.each(services)(
    "$name: operations arrive and return as they left",
    { timeout: 180_000 },
    async (service) => {
      const { module, name, client: clientName, operations, alike } = service;
      const oneOf = alike && !ALL ? ONE_OF : 1;
      const server = servers[way].use(module, name);
      const client = makeClient(module, clientName, way);
      const commands = module as unknown as Record<string, new (input: object) => object>;
      const wrong: string[] = [];
      let [seen, swept, short] = [0, 0, 0];
      for (const operation of loadService(module, name).operations.values()) {
        const streamsEvents =
          operation.input.getEventStreamMember() || operation.output.getEventStreamMember();
        if (streamsEvents || EXCEPT.includes(operation.name) || seen++ % oneOf > 0) continue;
        swept += 1;
        const input = sampler.of(operation.input) as Sample;
        const output = sampler.of(operation.output) as Sample;
        adapt(name, input, output);
        server.on(name, operation.name, () => output);
        const Command = commands[`${operation.name}Command`];
        if (Command === undefined) throw new Error(`${name} exports no ${operation.name}Command`);
        try {
          // From the second time on it is handed over without all of the SDK.
          for (let time = 0; time < TIMES[way]; time++) {
            const got = await withoutStreams(await client.send(new Command(structuredClone(input))));
            const call = server.calls.at(-1);
            const arrived = { ...call?.input };
            if (name === "s3") {
              for (const key of S3_COMPUTED) if (!(key in input)) delete arrived[key];
              delete got.ContentLength;
              delete got.ExpiresString;
            }
            expect(call?.operation).toBe(operation.name);
            assertSame(arrived, input);
            assertSame(got, output);
            if (call?.req.headers["user-agent"] === undefined) short += 1;
          }
        } catch (error) {
          wrong.push(`${name}.${operation.name}: ${(error as Error).message.slice(0, 600)}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(server.faults).toEqual([]);
      expect(swept).toBeGreaterThan(operations / oneOf);
      expect(short).toBeGreaterThanOrEqual(way === "hand" ? swept - UNSIGNED : 0);
    },
  );
});
