/** The policy that `everspot permissions` prints, under which the local AWS's IAM lets a site live, and no more. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseConfig } from "../../../provisioner/config/load.ts";
import {
  INLINE_POLICY_LIMIT,
  MANAGED_POLICY_LIMIT,
  managedPolicies,
  operatorPermissions,
  operatorPolicy,
  sizeOf,
} from "../../../provisioner/wanted/operator-policy.ts";
import type { PolicyDocument, Statement } from "../../../provisioner/wanted/policy.ts";
import { check } from "../../cloud/iam/requests/check.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { MINIMAL, openDesk, skippingClock } from "../site.ts";
import { type Asked, type Credentials, credentialsOf } from "./credentials.ts";
import { lifeWithAcm, wholeLife } from "./life.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const MINUTES = 240_000;
let site: SwapSite;
let operator: Credentials;
let statements: Statement[];
const asked: Asked[] = [];

beforeAll(async () => {
  const delays = { fleetModify: 1_000, fleetLaunch: 3_000 };
  site = await openSwapSite({ down: true, cloud: { serviceLinkedRoles: false, delays } });
  const permissions = operatorPermissions(site.config, "*");
  statements = permissions.map((p) => p.statement);
  operator = credentialsOf(site.cloud, "operator", managedPolicies(permissions));
}, MINUTES);
afterAll(async () => {
  await site.close();
});

const document = (given: readonly Statement[]): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [...given],
});

test("under it, in its parts, every command works that a site ever needs", async () => {
  await operator.use(() => wholeLife(site));
  expect(operator.asked.filter((a) => a.denied)).toEqual([]);
  expect(site.agents.failures).toEqual([]);
  expect(site.cloud.faults()).toEqual([]);
  asked.push(...operator.asked);
});

test("every command that speaks to AWS is in that life", () => {
  const root = path.resolve(import.meta.dirname, "../../..");
  const folder = path.join(root, "provisioner/commands");
  const here = ["permissions/life.ts", "deploy/swapping.ts"].map((file) =>
    readFileSync(path.join(root, "test/provisioner", file), "utf8"),
  );
  const speaking = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (file) =>
      file.endsWith(".ts") && readFileSync(path.join(folder, file), "utf8").includes("await connect("),
  );
  expect(speaking.length).toBeGreaterThan(10);
  const apart = speaking.filter(
    (file) => !here.some((text) => text.includes(`provisioner/commands/${file}`)),
  );
  expect(apart).toEqual([]);
});

test("and those of a site with ACM's certificate", async () => {
  const clock = skippingClock();
  const desk = await openDesk({
    toml: `${MINIMAL}[certificate]\nsource = "acm"\n`,
    clock,
    cloud: { clock, zones: ["us-east-1a"] },
  });
  try {
    const parts = managedPolicies(operatorPermissions(desk.config, desk.cloud.account));
    const person = credentialsOf(desk.cloud, "operator", parts);
    await person.use(() => lifeWithAcm(desk));
    expect(person.asked.filter((a) => a.denied)).toEqual([]);
    expect(desk.cloud.faults()).toEqual([]);
    asked.push(...person.asked);
  } finally {
    await desk.close();
  }
});

test("no statement, action or resource of it is there for nothing: without it, some call would be refused", () => {
  expect(asked.length).toBeGreaterThan(100);
  const needed = (without: Statement, instead?: Statement): boolean => {
    const actions = new Set([without.Action].flat());
    const rest = statements.flatMap((s) => (s === without ? (instead ?? []) : s));
    const policies = [document(rest)];
    return asked.some((a) => actions.has(a.action) && !operator.may(policies, a));
  };
  const idle: string[] = [];
  for (const statement of statements) {
    if (!needed(statement)) idle.push(`${statement.Sid}`);
    for (const part of ["Action", "Resource"] as const) {
      const values = [statement[part] ?? []].flat();
      for (const value of values.length > 1 ? values : []) {
        const fewer = { ...statement, [part]: values.filter((v) => v !== value) };
        if (!needed(statement, fewer)) idle.push(`${statement.Sid}: ${value}`);
      }
    }
  }
  expect(idle).toEqual([]);
});

describe("it keeps to the site", () => {
  const other = { "aws:ResourceTag/everspot:site": "other" };
  const ec2 = (what: string) => `arn:aws:ec2:us-east-1:123456789012:${what}`;
  const iam = (what: string) => `arn:aws:iam::123456789012:${what}`;
  const zone = "arn:aws:route53:::hostedzone/Z1";
  const records = (names: string[], types: string[], actions: string[]) => ({
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
    "route53:ChangeResourceRecordSetsRecordTypes": types,
    "route53:ChangeResourceRecordSetsActions": actions,
  });
  test.each([
    ["another site's instance", check("ec2:TerminateInstances", ec2("instance/i-1"), other)],
    ["an instance of no site", check("ec2:TerminateInstances", ec2("instance/i-1"))],
    ["another site's fleet", check("ec2:ModifyFleet", ec2("fleet/fleet-1"), other)],
    ["a VPC of no site", check("ec2:CreateVpc", ec2("vpc/*"))],
    [
      "a tag on what is there",
      check("ec2:CreateTags", ec2("vpc/vpc-1"), { "aws:RequestTag/everspot:site": "blog" }),
    ],
    ["another role", check("iam:PutRolePolicy", iam("role/admin"))],
    [
      "another role for its instances",
      check("iam:PassRole", iam("role/admin"), { "iam:PassedToService": "ec2.amazonaws.com" }),
    ],
    [
      "its role for another service",
      check("iam:PassRole", iam("role/everspot-blog"), { "iam:PassedToService": "lambda.amazonaws.com" }),
    ],
    [
      "another provider of tokens",
      check("iam:AddClientIDToOpenIDConnectProvider", iam("oidc-provider/issuer.example")),
    ],
    ["another bucket", check("s3:GetObject", "arn:aws:s3:::photos/1.jpg")],
    ["another site's bucket", check("s3:DeleteBucket", "arn:aws:s3:::everspot-other-123456789012-us-east-1")],
    [
      "another site's secrets",
      check("ssm:PutParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/everspot/other/KEY"),
    ],
    [
      "the secrets' values",
      check("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/everspot/blog/KEY"),
    ],
    [
      "other records",
      check("route53:ChangeResourceRecordSets", zone, records(["example.com"], ["A"], ["DELETE"])),
    ],
    [
      "its domain's mail",
      check("route53:ChangeResourceRecordSets", zone, records(["blog.example.com"], ["MX"], ["DELETE"])),
    ],
    [
      "another certificate",
      check("acm:DeleteCertificate", "arn:aws:acm:us-east-1:123456789012:certificate/1", other),
    ],
  ])("not %s", (_, needed) => {
    expect(operator.may([document(statements)], needed)).toBe(false);
  });
});

test("with as many names as can be it still is no longer than IAM takes", () => {
  const label = "a".repeat(63);
  const long = (n: number) =>
    `${label}.${label}.${label}.${"b".repeat(40)}${String(n).padStart(3, "0")}.example.com`;
  const config = parseConfig(MINIMAL, "/p/everspot.toml");
  const site = "a".repeat(20);
  const aliases = Array.from({ length: 20 }, (_, n) => long(n));
  for (const other of [config, { ...config, site, domain: long(99), aliases }]) {
    const permissions = operatorPermissions(other, "123456789012");
    expect(sizeOf(operatorPolicy(permissions))).toBeLessThanOrEqual(INLINE_POLICY_LIMIT);
    const parts = managedPolicies(permissions);
    expect(parts.length).toBeLessThanOrEqual(2);
    for (const part of parts) expect(sizeOf(part)).toBeLessThanOrEqual(MANAGED_POLICY_LIMIT);
    expect(parts.flatMap((p) => p.Statement)).toEqual(operatorPolicy(permissions).Statement);
  }
});
