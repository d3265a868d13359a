/** `source = "acm"` without an ARN: up requests the certificate, the agent exports it, down takes it away. */
import { ACMClient, ListCertificatesCommand, RequestCertificateCommand } from "@aws-sdk/client-acm";
import {
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { GetRolePolicyCommand, IAMClient } from "@aws-sdk/client-iam";
import { ListResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createCertificateManager } from "../../../agent/aws/acm.ts";
import { acmCertificate } from "../../../agent/certificate/acm.ts";
import { runCertificate } from "../../../provisioner/commands/certificate.ts";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { fixture } from "../../agent/certificate/fixture.ts";
import { inventory } from "../../cloud/inventory.ts";
import { report } from "../boot-record.ts";
import { type Desk, MINIMAL, openDesk, skippingClock } from "../site.ts";

const TOML = `${MINIMAL}
[certificate]
source = "acm"
`;
const NAMES = ["blog.example.com", "www.blog.example.com"];
const options = { refreshImage: false, wait: false, timeout: 1 };

let desk: Desk;
let acm: ACMClient;
let before: string[];
beforeEach(async () => {
  const clock = skippingClock();
  desk = await openDesk({ toml: TOML, clock, cloud: { clock } });
  acm = new ACMClient({ region: "us-east-1" });
  before = await inventory(desk.cloud);
});
afterEach(async () => {
  acm.destroy();
  expect(desk.cloud.faults()).toEqual([]);
  await desk.close();
});

async function up(config = desk.config): Promise<string[]> {
  const mark = desk.cloud.mark();
  await runUp(config, desk.tools, options);
  await desk.cloud.settled();
  return desk.cloud.writes(mark, "AKIATEST").map((c) => c.operation);
}
const certificates = async () =>
  (await acm.send(new ListCertificatesCommand({ Includes: { keyTypes: ["EC_prime256v1", "RSA_2048"] } })))
    .CertificateSummaryList ?? [];

async function cnames(): Promise<string[]> {
  const client = new Route53Client({ region: "us-east-1" });
  const found = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: desk.zoneId }));
  client.destroy();
  return (found.ResourceRecordSets ?? []).filter((r) => r.Type === "CNAME").map((r) => r.Name ?? "");
}

async function told(): Promise<{ source: string; arn: string }> {
  const ec2 = new EC2Client({ region: "us-east-1" });
  const found = await ec2.send(
    new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: "everspot-blog", Versions: ["$Latest"] }),
  );
  ec2.destroy();
  const data = found.LaunchTemplateVersions?.[0]?.LaunchTemplateData?.UserData ?? "";
  const text = Buffer.from(data, "base64").toString();
  const source = /"source":\s*"(\w+)"/.exec(text)?.[1] ?? "";
  return { source, arn: /arn:aws:acm:[^"]+/.exec(text)?.[0] ?? "" };
}

async function policy(): Promise<string> {
  const iam = new IAMClient({ region: "us-east-1" });
  const found = await iam.send(
    new GetRolePolicyCommand({ RoleName: "everspot-blog", PolicyName: "everspot-blog" }),
  );
  iam.destroy();
  return decodeURIComponent(found.PolicyDocument ?? "");
}

test("plan names the certificate and its price, and requests nothing", async () => {
  await runPlan(desk.config, desk.tools, { ...options, pack: true });
  const { actions, bill } = desk.json() as {
    actions: { do: string; what: string }[];
    bill: { lines: { what: string }[] };
  };
  const request = actions.find((a) => a.do === "request-certificate");
  expect(request?.what).toContain(`${NAMES.join(", ")} ($14.00 now and at each renewal)`);
  expect(actions.map((a) => a.do).indexOf("wait-for-certificate")).toBeLessThan(
    actions.map((a) => a.do).indexOf("create-fleet"),
  );
  expect(bill.lines.map((l) => l.what)).toContain("certificate from ACM");
  expect(await certificates()).toEqual([]);
});

test("up requests, validates and waits; role and user data name it; again nothing is written", async () => {
  await up();
  const [made, ...others] = await certificates();
  expect(others).toEqual([]);
  expect(made).toMatchObject({ Status: "ISSUED", ExportOption: "ENABLED", DomainName: NAMES[0] });
  const arn = made?.CertificateArn ?? "";
  expect(await told()).toEqual({ source: "acm", arn });
  expect(await policy()).toContain(`"acm:ExportCertificate"],"Resource":"${arn}"`);
  expect(await cnames()).toHaveLength(2);
  expect(await up()).toEqual([]);

  const { machine } = fixture({ source: "acm", arn }, NAMES, desk.tools.clock);
  const { context } = await machine();
  const served = await acmCertificate({ ...context, acm: createCertificateManager(acm, "blog") });
  expect(served).toMatchObject({ source: "acm", names: NAMES });
  await runCertificate(desk.config, desk.tools, { renew: false, timeout: 1 });
  expect(desk.json()).toMatchObject({ acm: arn, budgets: [], newest: null });
  await expect(runCertificate(desk.config, desk.tools, { renew: true, timeout: 1 })).rejects.toThrow(
    "AWS Certificate Manager renews this certificate by itself",
  );
});

test("killed after the request, run again: the same certificate, and what was left is done", async () => {
  let kill = true;
  desk.cloud.wire.before((call) => {
    if (kill && call.operation === "ChangeResourceRecordSets") throw new Error("killed");
  });
  await expect(up()).rejects.toThrow();
  kill = false;
  const [first] = await certificates();
  expect(first?.Status).toBe("PENDING_VALIDATION");
  await up();
  expect((await certificates()).map((c) => [c.CertificateArn, c.Status])).toEqual([
    [first?.CertificateArn, "ISSUED"],
  ]);
  expect((await told()).arn).toBe(first?.CertificateArn);
  desk.cloud.wire.faults.length = 0;
});

test("other names: another certificate, and the older one goes once no instance was launched for it", async () => {
  await up();
  const [first] = await certificates();
  const ec2 = new EC2Client({ region: "us-east-1" });
  const running = { Filters: [{ Name: "instance-state-name", Values: ["running"] }] };
  const instances = async () =>
    (await ec2.send(new DescribeInstancesCommand(running))).Reservations?.flatMap((r) => r.Instances ?? []);
  for (const { InstanceId } of (await instances()) ?? [])
    await report(InstanceId ?? "", { state: "serving" });
  const fewer = parseConfig(TOML.replace(/^aliases.*$/m, ""), desk.config.file);
  expect(await up(fewer)).toContain("RequestCertificate");
  const both = await certificates();
  expect(both).toHaveLength(2);
  const second = both.find((c) => c.CertificateArn !== first?.CertificateArn);
  expect((await told()).arn).toBe(second?.CertificateArn);
  // The instance that runs still has the template before.
  expect(await up(fewer)).toEqual([]);
  for (const { InstanceId } of (await instances()) ?? []) desk.cloud.reclaimNow(InstanceId ?? "");
  ec2.destroy();
  await desk.cloud.settled();
  expect(await up(fewer)).toEqual(["DeleteCertificate"]);
  expect((await certificates()).map((c) => c.CertificateArn)).toEqual([second?.CertificateArn]);
});

test.each(["AWS_MANAGED", "ACME"] as const)(
  "down --delete-certificate deletes the certificate and its records, but not those that another certificate needs (%s)",
  async (origin) => {
    await up();
    await acm.send(
      new RequestCertificateCommand({ DomainName: "www.blog.example.com", ValidationMethod: "DNS" }),
    );
    const other = [...desk.cloud.acm.certificates.all.values()].find(
      (c) => c.names[0] === "www.blog.example.com",
    );
    if (other !== undefined) other.origin = origin;
    const own = await cnames();
    await runDown(desk.config, desk.tools, { deleteData: true, deleteCertificate: true });
    expect(desk.said()).toContain("in other regions would no longer renew");
    expect([...desk.cloud.acm.certificates.all.values()].map((c) => c.names)).toEqual([
      ["www.blog.example.com"],
    ]);
    const kept = await cnames();
    expect(kept).toHaveLength(1);
    expect(kept[0]).toMatch(/\.www\.blog\.example\.com\.$/);
    expect(own).toContain(kept[0]);
    if (other !== undefined) other.origin = "AWS_MANAGED";
    expect((await inventory(desk.cloud)).filter((found) => !before.includes(found))).toHaveLength(2);
  },
);

test("down keeps the records by which a certificate that ACM does not list here may renew, and names them", async () => {
  await up();
  const own = await cnames();
  await runDown(desk.config, desk.tools, { deleteData: true });
  expect(desk.cloud.acm.certificates.all.size).toBe(0);
  expect(await cnames()).toEqual(own);
  expect(desk.json()).toMatchObject({
    leftovers: [],
    keptRecords: own.map((name) => name.replace(/\.$/, "")),
  });
});
