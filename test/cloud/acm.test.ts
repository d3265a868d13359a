import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import {
  ACMClient,
  AddTagsToCertificateCommand,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  ExportCertificateCommand,
  GetCertificateCommand,
  ImportCertificateCommand,
  ListCertificatesCommand,
  ListTagsForCertificateCommand,
  RequestCertificateCommand,
  type RequestCertificateCommandInput,
} from "@aws-sdk/client-acm";
import { ChangeResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Authority, createAuthority, type KeyAlgorithm, newKeyPair } from "./acm/authority.ts";
import { Acm } from "./acm.ts";
import { ManualClock } from "./manual-clock.ts";
import { Route53 } from "./route53.ts";
import { WireServer } from "./wire/server.ts";

const DAY = 86_400_000;
/** Takes long to find: one is enough. */
const rsa = newKeyPair("RSA_2048");
let clock: ManualClock;
let wire: WireServer;
let acm: Acm;
let route53: Route53;
let client: ACMClient;
let zone: string;

beforeEach(async () => {
  clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
  wire = new WireServer();
  route53 = new Route53(wire, { clock });
  acm = new Acm(wire, { zones: route53.zones, account: "123456789012", region: "us-east-1", clock });
  await wire.start();
  client = new ACMClient({ endpoint: wire.endpoint, maxAttempts: 1 });
  zone = route53.zones.create({
    name: "example.",
    callerReference: "1",
    comment: undefined,
    privateZone: false,
  }).id;
});
afterEach(async () => {
  client.destroy();
  await wire.stop();
  expect(wire.faults).toEqual([]);
});

const describeIt = async (arn: string) =>
  (await client.send(new DescribeCertificateCommand({ CertificateArn: arn }))).Certificate ?? {};

async function request(more: Partial<RequestCertificateCommandInput> = {}): Promise<string> {
  const { CertificateArn } = await client.send(
    new RequestCertificateCommand({
      DomainName: "site.example",
      ValidationMethod: "DNS",
      KeyAlgorithm: "EC_prime256v1",
      Options: { Export: "ENABLED" },
      ...more,
    }),
  );
  return CertificateArn ?? "";
}

/** Puts the records ACM asks for, or takes them away. */
async function records(arn: string, Action: "UPSERT" | "DELETE"): Promise<void> {
  const { DomainValidationOptions = [] } = await describeIt(arn);
  const wanted = new Map(
    DomainValidationOptions.map((o) => [o.ResourceRecord?.Name ?? "", o.ResourceRecord?.Value ?? ""]),
  );
  const Changes = [...wanted].map(([Name, Value]) => ({
    Action,
    ResourceRecordSet: { Name, Type: "CNAME" as const, TTL: 300, ResourceRecords: [{ Value }] },
  }));
  const dns = new Route53Client({ endpoint: wire.endpoint });
  await dns.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes } }));
}

const exportIt = async (arn: string, passphrase: string) =>
  client.send(new ExportCertificateCommand({ CertificateArn: arn, Passphrase: Buffer.from(passphrase) }));

const blocks = (pem: string): string[] => pem.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? [];

describe("a requested certificate", () => {
  test("waits for its record in DNS, then is issued for its names", async () => {
    const arn = await request({ SubjectAlternativeNames: ["*.site.example", "www.site.example"] });
    const waiting = await describeIt(arn);
    expect(waiting).toMatchObject({
      Status: "PENDING_VALIDATION",
      Type: "AMAZON_ISSUED",
      DomainName: "site.example",
    });
    const [own, wildcard, www] = waiting.DomainValidationOptions ?? [];
    expect(own?.ResourceRecord).toMatchObject({
      Type: "CNAME",
      Name: expect.stringMatching(/^_[0-9a-f]{32}\.site\.example\.$/),
    });
    expect(wildcard?.ResourceRecord).toEqual(own?.ResourceRecord);
    expect(www?.ResourceRecord?.Name).toMatch(/\.www\.site\.example\.$/);
    await expect(client.send(new GetCertificateCommand({ CertificateArn: arn }))).rejects.toThrow(
      /not yet issued/,
    );
    await records(arn, "UPSERT");
    expect(await describeIt(arn)).toMatchObject({
      Status: "ISSUED",
      IssuedAt: new Date(clock.now()),
      NotAfter: new Date(clock.now() + 198 * DAY),
      SubjectAlternativeNames: ["site.example", "*.site.example", "www.site.example"],
      RenewalEligibility: "INELIGIBLE",
    });
  });

  test("is issued once, however many ask at once", async () => {
    const arn = await request();
    await records(arn, "UPSERT");
    const seen = await Promise.all(Array.from({ length: 8 }, () => describeIt(arn)));
    expect(new Set(seen.map((c) => c.Serial)).size).toBe(1);
  });

  test("is not issued while the zone is delegated elsewhere, and gives up after 72 hours", async () => {
    const arn = await request();
    route53.delegated(zone, false);
    await records(arn, "UPSERT");
    expect((await describeIt(arn)).Status).toBe("PENDING_VALIDATION");
    await clock.advance(3 * DAY);
    expect((await describeIt(arn)).Status).toBe("VALIDATION_TIMED_OUT");
  });

  test.each([
    ["another authority", '0 issue "letsencrypt.org"', "FAILED"],
    ["nobody", '0 issue ";"', "FAILED"],
    ["another authority for wildcards alone", '0 issuewild "letsencrypt.org"', "FAILED"],
    ["Amazon, with a parameter", '0 issue "amazon.com; policy=ev"', "ISSUED"],
    ["nothing but where to complain", '0 iodef "mailto:ann@example"', "ISSUED"],
  ])("is issued as CAA records above its names allow: %s", async (_, value, status) => {
    const arn = await request({ SubjectAlternativeNames: ["*.site.example"] });
    const r53 = new Route53Client({ endpoint: wire.endpoint });
    const caa = { Name: "example", Type: "CAA" as const, TTL: 60, ResourceRecords: [{ Value: value }] };
    await r53.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: zone,
        ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet: caa }] },
      }),
    );
    r53.destroy();
    await records(arn, "UPSERT");
    const { Status, FailureReason } = await describeIt(arn);
    expect([Status, FailureReason]).toEqual([status, status === "FAILED" ? "CAA_ERROR" : undefined]);
  });

  test("is exported with its key under a passphrase, and serves", async () => {
    const arn = await request({ DomainName: "localhost.example" });
    await records(arn, "UPSERT");
    const passphrase = randomBytes(16).toString("hex");
    const { Certificate = "", CertificateChain = "", PrivateKey = "" } = await exportIt(arn, passphrase);
    expect(PrivateKey).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    expect(() => createPrivateKey({ key: PrivateKey, passphrase: "wrong" })).toThrow();
    const key = createPrivateKey({ key: PrivateKey, passphrase });
    expect(new X509Certificate(Certificate).checkPrivateKey(key)).toBe(true);
    expect(
      await status(Certificate + CertificateChain, key.export({ type: "pkcs8", format: "pem" }).toString()),
    ).toBe(200);
    expect((await describeIt(arn)).RenewalEligibility).toBe("ELIGIBLE");
  });

  test("openssl agrees with the chain", async () => {
    const arn = await request({ KeyAlgorithm: "RSA_2048" });
    await records(arn, "UPSERT");
    const { Certificate = "", CertificateChain = "" } = await exportIt(arn, "pass");
    const folder = await mkdtemp(path.join(os.tmpdir(), "acm-"));
    try {
      const file = (name: string) => path.join(folder, name);
      await writeFile(file("leaf"), Certificate);
      await writeFile(file("issuing"), blocks(CertificateChain)[0] ?? "");
      await writeFile(file("root"), await acm.root());
      const verify = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "site.example"];
      await execa("openssl", [
        ...verify,
        "-CAfile",
        file("root"),
        "-untrusted",
        file("issuing"),
        file("leaf"),
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("with a bad passphrase, not exportable, or not issued is not exported", async () => {
    const pending = await request();
    await expect(exportIt(pending, "pass")).rejects.toMatchObject({ name: "RequestInProgressException" });
    await expect(exportIt(pending, "pa#s")).rejects.toThrow(/without #, \$ and %/);
    await expect(exportIt(pending, "abc")).rejects.toThrow(/4 to 128/);
    const closed = await request({ DomainName: "b.example", Options: { Export: "DISABLED" } });
    await expect(exportIt(closed, "pass")).rejects.toThrow(/not exportable/);
  });

  test("is renewed in time once it was exported, as long as its record stays", async () => {
    const arn = await request();
    await records(arn, "UPSERT");
    const first = await exportIt(arn, "pass");
    await clock.advance(152 * DAY);
    expect((await exportIt(arn, "pass")).Certificate).toBe(first.Certificate);
    await clock.advance(2 * DAY);
    expect((await exportIt(arn, "pass")).Certificate).not.toBe(first.Certificate);
    expect(await describeIt(arn)).toMatchObject({
      Status: "ISSUED",
      RenewalSummary: { RenewalStatus: "SUCCESS" },
    });
    await records(arn, "DELETE");
    await clock.advance(200 * DAY);
    expect((await describeIt(arn)).Status).toBe("EXPIRED");
  });

  test("is renewed at a test's wish", async () => {
    const arn = await request();
    await records(arn, "UPSERT");
    const before = (await describeIt(arn)).Serial;
    await acm.renew(arn);
    expect((await describeIt(arn)).Serial).not.toBe(before);
  });

  test("asked for twice with one token is one", async () => {
    const arn = await request({ IdempotencyToken: "t" });
    expect(await request({ IdempotencyToken: "t" })).toBe(arn);
    await clock.advance(3_600_000);
    expect(await request({ IdempotencyToken: "t" })).not.toBe(arn);
    await expect(request({ DomainName: "-bad.example" })).rejects.toMatchObject({
      name: "ValidationException",
    });
  });
});

describe("an imported certificate", () => {
  let authority: Authority;
  beforeEach(async () => {
    authority = await createAuthority(clock.now());
  });

  async function made(names: readonly string[], algorithm: KeyAlgorithm = "EC_prime256v1", days = 90) {
    const keys = algorithm === "RSA_2048" ? await rsa : await newKeyPair(algorithm);
    const notBefore = new Date(clock.now());
    const notAfter = new Date(clock.now() + days * DAY);
    return {
      Certificate: Buffer.from(authority.issue({ names, publicKey: keys.publicKey, notBefore, notAfter })),
      PrivateKey: Buffer.from(keys.privateKey.export({ type: "pkcs8", format: "pem" })),
      CertificateChain: Buffer.from(authority.chain),
    };
  }
  const importIt = async (input: Awaited<ReturnType<typeof made>>, arn?: string) =>
    (
      await client.send(
        new ImportCertificateCommand({ ...input, ...(arn === undefined ? {} : { CertificateArn: arn }) }),
      )
    ).CertificateArn ?? "";

  test("keeps its ARN when it is imported again, and nothing of its key comes back", async () => {
    const arn = await importIt(await made(["site.example", "*.site.example"]));
    const first = await describeIt(arn);
    expect(first).toMatchObject({
      Type: "IMPORTED",
      Status: "ISSUED",
      Issuer: "Local ACM Issuing CA",
      ImportedAt: new Date(clock.now()),
    });
    expect(first.SubjectAlternativeNames).toEqual(["site.example", "*.site.example"]);
    await clock.advance(DAY);
    expect(await importIt(await made(["site.example"]), arn)).toBe(arn);
    const second = await describeIt(arn);
    expect(second.Serial).not.toBe(first.Serial);
    expect(second.SubjectAlternativeNames).toEqual(["site.example"]);
    await expect(exportIt(arn, "pass")).rejects.toThrow(/not exportable/);
    await expect(importIt(await made(["x.example"]), `${arn}0`)).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  test.each<[string, (one: Awaited<ReturnType<typeof made>>) => Promise<object> | object, RegExp]>([
    ["a foreign key", async () => ({ PrivateKey: (await made(["b.example"])).PrivateKey }), /do not match/],
    ["no PEM", () => ({ Certificate: Buffer.from("x") }), /contains no certificate/],
    [
      "the chain in the certificate",
      (one) => ({ Certificate: Buffer.concat([one.Certificate, one.CertificateChain]) }),
      /more than one certificate/,
    ],
    [
      "a chain in the wrong order",
      (one) => ({
        CertificateChain: Buffer.from(blocks(one.CertificateChain.toString()).reverse().join("\n")),
      }),
      /with the certificate chain/,
    ],
    ["no chain", () => ({ CertificateChain: undefined }), /not a valid self signed/],
  ])("with %s is refused", async (_, spoil, message) => {
    const one = await made(["site.example"]);
    await expect(importIt({ ...one, ...(await spoil(one)) })).rejects.toThrow(message);
  });

  test("that is over, or changes its kind of key, is refused", async () => {
    const short = await made(["site.example"], "EC_prime256v1", 1);
    await clock.advance(2 * DAY);
    await expect(importIt(short)).rejects.toThrow(/has expired/);
    const arn = await importIt(await made(["site.example"]));
    await expect(importIt(await made(["site.example"], "RSA_2048"), arn)).rejects.toThrow(/same key type/);
  });

  test("is listed by pages, by default only with RSA keys", async () => {
    const rsa = await importIt(await made(["rsa.example"], "RSA_2048"));
    for (const name of ["a.example", "b.example", "c.example"]) await importIt(await made([name]));
    const list = (more: object) => client.send(new ListCertificatesCommand(more));
    expect((await list({})).CertificateSummaryList?.map((c) => c.CertificateArn)).toEqual([rsa]);
    const Includes = { keyTypes: ["EC_prime256v1" as const] };
    const first = await list({ Includes, MaxItems: 2 });
    const rest = await list({ Includes, MaxItems: 2, NextToken: first.NextToken });
    const names = [first, rest].map((p) => p.CertificateSummaryList?.map((c) => c.DomainName));
    expect(names).toEqual([["a.example", "b.example"], ["c.example"]]);
    expect(rest.NextToken).toBeUndefined();
    expect((await list({ Includes, CertificateStatuses: ["EXPIRED"] })).CertificateSummaryList).toEqual([]);
  });

  test("has tags, and can be deleted", async () => {
    const arn = await importIt(await made(["site.example"]));
    await client.send(
      new AddTagsToCertificateCommand({
        CertificateArn: arn,
        Tags: [{ Key: "everspot:site", Value: "shop" }],
      }),
    );
    const { Tags } = await client.send(new ListTagsForCertificateCommand({ CertificateArn: arn }));
    expect(Tags).toEqual([{ Key: "everspot:site", Value: "shop" }]);
    expect(acm.tagsOf(arn)).toEqual({ "everspot:site": "shop" });
    await client.send(new DeleteCertificateCommand({ CertificateArn: arn }));
    await expect(describeIt(arn)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });
});

/** Serves with a certificate and asks with nothing but the root trusted. */
async function status(cert: string, key: string): Promise<number | undefined> {
  const server = https.createServer({ cert, key }, (_, res) => res.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const ca = await acm.root();
    return await new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      https
        .get({ host: "127.0.0.1", port, ca, servername: "localhost.example", agent: false }, (res) => {
          res.resume();
          resolve(res.statusCode);
        })
        .on("error", reject);
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
