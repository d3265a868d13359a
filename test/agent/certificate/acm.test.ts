/** The ACM source and the mirror, through the shipped adapter against the local ACM. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import {
  ACMClient,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  ListTagsForCertificateCommand,
  RequestCertificateCommand,
} from "@aws-sdk/client-acm";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createCertificateManager } from "../../../agent/aws/acm.ts";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { keys } from "../../../agent/site/names.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";
import { DAY, type Fixture, fixture, HOUR, JumpingClock, type Machine } from "./fixture.ts";

const NAMES = ["example.test"];
const clock = new JumpingClock();
let cloud: Cloud;
let client: ACMClient;
let route53: Route53Client;

beforeEach(async () => {
  cloud = await startCloud({ clock });
  client = new ACMClient({ endpoint: cloud.endpoint, region: cloud.region });
  route53 = new Route53Client({ endpoint: cloud.endpoint, region: cloud.region });
});
afterEach(async () => {
  client.destroy();
  route53.destroy();
  expect(cloud.faults()).toEqual([]);
  await cloud.close();
});

/** A machine whose site's certificate is in ACM. */
async function withAcm(world: Fixture): Promise<Machine> {
  const machine = await world.machine();
  return { ...machine, context: { ...machine.context, acm: createCertificateManager(client, "test") } };
}

describe('source = "acm"', () => {
  /** As `everspot up` requests it; with its validation record when `valid`. */
  async function request(valid: boolean): Promise<string> {
    const { CertificateArn: arn = "" } = await client.send(
      new RequestCertificateCommand({
        DomainName: "example.test",
        ValidationMethod: "DNS",
        Options: { Export: "ENABLED" },
      }),
    );
    if (!valid) return arn;
    const zone = await route53.send(
      new CreateHostedZoneCommand({ Name: "example.test", CallerReference: arn }),
    );
    const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn: arn }));
    const record = Certificate?.DomainValidationOptions?.[0]?.ResourceRecord;
    await route53.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: zone.HostedZone?.Id,
        ChangeBatch: {
          Changes: [
            {
              Action: "CREATE",
              ResourceRecordSet: {
                Name: record?.Name,
                Type: "CNAME",
                TTL: 300,
                ResourceRecords: [{ Value: record?.Value }],
              },
            },
          ],
        },
      }),
    );
    return arn;
  }
  const site = (arn: string) => fixture({ source: "acm", arn }, NAMES, clock);

  test("exports at boot: a usable pair on the disk, nothing in the bucket, the CA unasked", async () => {
    const world = site(await request(true));
    const { context } = await withAcm(world);
    const served = await ensureCertificate(context);
    expect(served).toMatchObject({ source: "acm", names: NAMES, warnings: [] });
    const leaf = new X509Certificate(await readFile(served.fullchain));
    expect(leaf.checkPrivateKey(createPrivateKey(await readFile(served.key)))).toBe(true);
    expect(await readFile(served.key, "utf8")).not.toContain("ENCRYPTED");
    expect(world.store.objects.size).toBe(0);
    expect(world.ca.orders).toBe(0);
  });

  test("uses another passphrase each time, and leaves none on the disk", async () => {
    const world = site(await request(true));
    const { context } = await withAcm(world);
    await ensureCertificate(context);
    await ensureCertificate(context);
    const passphrases = cloud.wire.calls
      .filter((c) => c.operation === "ExportCertificate")
      .map((c) => Buffer.from(c.input.Passphrase as Uint8Array).toString());
    expect(new Set(passphrases).size).toBe(2);
    expect((await readdir(context.folder)).sort()).toEqual([
      "acm-checked",
      "current",
      expect.stringMatching(/^pair-/),
    ]);
  });

  test("looks for a renewal once a day and installs it", async () => {
    const arn = await request(true);
    const { context } = await withAcm(site(arn));
    const first = await ensureCertificate(context);
    const describes = () => cloud.wire.calls.filter((c) => c.operation === "DescribeCertificate").length;
    const before = describes();
    for (let hour = 0; hour < 24; hour++, clock.time += HOUR)
      expect(await renewIfDue(context)).toBeUndefined();
    expect(describes()).toBe(before);
    expect(await renewIfDue(context)).toBeUndefined();
    expect(describes()).toBe(before + 1);
    await cloud.acm.renew(arn);
    clock.time += DAY;
    const renewed = await renewIfDue(context);
    expect(renewed).toMatchObject({ source: "acm" });
    expect(renewed?.serial).not.toBe(first.serial);
    expect(await renewIfDue(context)).toBeUndefined();
  });

  test("not validated yet: self-signed with the reason, and looked for at every call", async () => {
    const arn = await request(false);
    const { context } = await withAcm(site(arn));
    const boot = await ensureCertificate(context);
    expect(boot.source).toBe("self-signed");
    expect(boot.warnings.join()).toContain("not issued yet (PENDING_VALIDATION)");
    expect(await renewIfDue(context)).toBeUndefined();
    expect(cloud.wire.calls.filter((c) => c.operation === "DescribeCertificate")).toHaveLength(2);
  });

  test("unreachable at a later boot: the disk's certificate goes on", async () => {
    const arn = await request(true);
    const { context } = await withAcm(site(arn));
    const first = await ensureCertificate(context);
    await client.send(new DeleteCertificateCommand({ CertificateArn: arn }));
    const boot = await ensureCertificate(context);
    expect(boot).toMatchObject({ source: "previous", serial: first.serial });
    expect(boot.warnings.join()).toContain("ACM: looking at the certificate");
  });
});

describe("mirror_to_acm", () => {
  const site = () => fixture({ mirrorToAcm: true }, NAMES, clock);
  const pointer = ({ store }: Fixture) => JSON.parse(store.text(keys.certificatePointer(NAMES)));
  const imported = async (arn: string) =>
    (await client.send(new DescribeCertificateCommand({ CertificateArn: arn }))).Certificate;

  test("imports each issued certificate under one ARN, tagged as the site's", async () => {
    const world = site();
    const { context } = await withAcm(world);
    const first = await ensureCertificate(context);
    const { arn } = pointer(world).acm;
    expect((await imported(arn))?.Serial?.replaceAll(":", "")).toBe(first.serial);
    const { Tags } = await client.send(new ListTagsForCertificateCommand({ CertificateArn: arn }));
    expect(Tags).toEqual([{ Key: "everspot:site", Value: "test" }]);
    clock.time += 62 * DAY;
    const renewed = await renewIfDue(context);
    expect(renewed?.source).toBe("issued");
    expect(pointer(world).acm.arn).toBe(arn);
    expect((await imported(arn))?.Serial?.replaceAll(":", "")).toBe(renewed?.serial);
    await renewIfDue(context);
    expect(cloud.wire.calls.filter((c) => c.operation === "ImportCertificate")).toHaveLength(2);
  });

  test("keeps the ARN when the names change, and makes a new one when it was deleted", async () => {
    const world = site();
    const { context } = await withAcm(world);
    await ensureCertificate(context);
    const { arn } = pointer(world).acm;
    const wide = { ...context, config: { ...context.config, aliases: ["www.example.test"] } };
    expect(await renewIfDue(wide)).toMatchObject({ source: "issued" });
    expect((await imported(arn))?.SubjectAlternativeNames).toEqual(["example.test", "www.example.test"]);
    await client.send(new DeleteCertificateCommand({ CertificateArn: arn }));
    clock.time += 62 * DAY;
    expect(await renewIfDue(wide)).toMatchObject({ source: "issued" });
    const after = JSON.parse(world.store.text(keys.certificatePointer(["example.test", "www.example.test"])));
    expect(after.acm.arn).not.toBe(arn);
    expect((await imported(after.acm.arn))?.Status).toBe("ISSUED");
  });

  test("that fails does not keep the site from its certificate, and is made up for later", async () => {
    const world = site();
    const machine = await withAcm(world);
    const { acm } = machine.context;
    const broken = {
      ...machine.context,
      acm: { ...acm, import: () => Promise.reject(new Error("ACM is away")) },
    };
    const served = await ensureCertificate(broken as typeof machine.context);
    expect(served.source).toBe("issued");
    expect(pointer(world).acm).toBeUndefined();
    expect(machine.logged.join()).toContain("could not be imported into ACM");
    expect(await renewIfDue(machine.context)).toBeUndefined();
    expect(pointer(world).acm.id).toBe(pointer(world).issuances[0].id);
  });

  test("another type of key, which ACM takes under no ARN it has: a new one, said clearly", async () => {
    const world = site();
    const machine = await withAcm(world);
    const { context } = machine;
    await ensureCertificate(context);
    const { arn } = pointer(world).acm;
    world.ca.keyType = "rsa";
    clock.time += 62 * DAY;
    const renewed = await renewIfDue(context);
    expect(renewed?.source).toBe("issued");
    const after = pointer(world).acm.arn;
    expect(after).not.toBe(arn);
    expect(await imported(after)).toMatchObject({ KeyAlgorithm: "RSA_2048", Status: "ISSUED" });
    expect(machine.logged.join()).toMatch(/under a new ARN.*same key type/);
    await renewIfDue(context);
    expect(pointer(world).acm.arn).toBe(after);
  });
});
