import { ChangeResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import { afterEach, expect, test } from "vitest";
import type { EverspotError } from "../../../../agent/site/errors.ts";
import { runDoctor } from "../../../../provisioner/commands/health/doctor.ts";
import type { Examined } from "../../../../provisioner/commands/health/examined.ts";
import type { ProjectTools } from "../../../../provisioner/commands/project-tools.ts";
import { runUp } from "../../../../provisioner/commands/up.ts";
import { warningFinding } from "../../../../provisioner/findings/finding.ts";
import { createTerminal } from "../../../../provisioner/operator/terminal.ts";
import { managedPolicies, operatorPermissions } from "../../../../provisioner/wanted/operator-policy.ts";
import { credentialsOf } from "../../permissions/credentials.ts";
import { type Desk, openDesk } from "../../site.ts";

let desk: Desk | undefined;
afterEach(async () => {
  expect(desk?.cloud.faults()).toEqual([]);
  await desk?.close();
  desk = undefined;
});
const open = async (options: Parameters<typeof openDesk>[0] = {}) => {
  desk = await openDesk(options);
  return desk;
};
/** What it says, whether it throws or not. */
async function doctor(of: Desk, tools: Partial<ProjectTools> = {}) {
  const mark = of.cloud.mark();
  const error = await runDoctor(of.config, { ...of.tools, ...tools }, {}).then(
    () => undefined,
    (e: EverspotError) => e,
  );
  expect(of.cloud.writes(mark).map((c) => c.operation)).toEqual([]);
  const said = of.json() as { next: string | null; well: boolean; examined: Examined[] };
  return { ...said, error, of: (name: string) => said.examined.find((e) => e.name === name) };
}

test("before there is a site: everything that `up` will need, and then `up` is next", async () => {
  const asked: unknown[] = [];
  const inspect: ProjectTools["inspect"] = async (_config, _secrets, _signal, options) => {
    asked.push(options);
    return {
      findings: [warningFinding("security.W012", "no secure cookie", { hint: "set it" })],
      how: "asked Django",
    };
  };
  const said = await doctor(await open(), { inspect });
  expect(asked).toEqual([{ checks: true }]);
  expect(said.examined.map((e) => [e.name, e.state])).toEqual([
    ...[
      ["account", "well"],
      ["permissions", "well"],
      ["domain", "well"],
      ["quotas", "well"],
    ],
    ...[
      ["region", "well"],
      ["authority", "well"],
      ["project", "odd"],
      ["packing", "well"],
    ],
  ]);
  expect(said.error).toBeUndefined();
  expect(said.next).toBe("everspot init");
  expect((await doctor(desk as Desk)).next).toBe("everspot up");
});

test("what stands in DNS against it is ill, and comes first", async () => {
  const one = await open();
  const client = new Route53Client({ region: "us-east-1" });
  const record = {
    Name: "blog.example.com",
    Type: "CNAME" as const,
    TTL: 60,
    ResourceRecords: [{ Value: "x.example" }],
  };
  const ChangeBatch = { Changes: [{ Action: "CREATE" as const, ResourceRecordSet: record }] };
  await client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: one.zoneId, ChangeBatch }));
  client.destroy();
  const said = await doctor(one);
  expect(said.of("domain")).toMatchObject({
    state: "ill",
    findings: [
      {
        id: "domain.E001",
        what: expect.stringContaining("CNAME"),
        hint: expect.stringContaining("delete the record"),
      },
    ],
  });
  expect(said.error).toMatchObject({
    message: "blog: domain is not well",
    hint: "`everspot plan` comes next",
  });
});

test("permissions that are missing are named by what they are for, by simulation", async () => {
  const one = await open();
  const rows = operatorPermissions(one.config, one.cloud.account);
  const without = rows.filter(({ statement }) => !["Make", "Bucket"].includes(statement.Sid ?? ""));
  const person = credentialsOf(one.cloud, "ann", managedPolicies(without));
  const said = await person.use(() => doctor(one));
  expect(said.of("permissions")?.findings.map((f) => f.what)).toEqual([
    "not allowed: make the site's network, launch template and fleets, tagged as its own",
    "not allowed: manage the site's bucket",
  ]);
  expect(said.of("site")).toMatchObject({ state: "ill", findings: [{ id: "aws.E001" }] });
  expect(said.error).toBeDefined();
  expect(said.of("permissions")?.findings[1]?.hint).toContain(
    "s3:CreateBucket on arn:aws:s3:::everspot-blog-",
  );
  const whole = credentialsOf(one.cloud, "bob", managedPolicies(rows));
  expect((await whole.use(() => doctor(one))).of("permissions")).toMatchObject({ state: "well" });
});

test("who may not have that simulated is told so, and the rest goes on", async () => {
  const one = await open();
  const rows = operatorPermissions(one.config, one.cloud.account);
  const without = rows.filter(({ statement }) => statement.Sid !== "Doctor");
  const said = await credentialsOf(one.cloud, "ann", managedPolicies(without)).use(() => doctor(one));
  expect(said.of("permissions")).toMatchObject({
    state: "unknown",
    what: expect.stringContaining("simulating"),
  });
  expect(said.of("domain")).toMatchObject({ state: "well" });
});

test("a site whose instances do not come: the fleet's own words, and what helps", async () => {
  const one = await open();
  await runUp(one.config, one.tools, { refreshImage: false, wait: false, timeout: 1 });
  const alive = one.cloud.ec2.instances.list().map((i) => i.id);
  one.cloud.capacity("*", "*", "none");
  for (const id of alive) one.cloud.reclaimNow(id);
  await one.cloud.settled();
  const said = await doctor(one, { probe: async () => ({ error: "ECONNREFUSED" }) });
  expect(said.error?.message).toMatch(/^blog: fleet, instance/);
  expect(said.of("fleet")).toMatchObject({ state: "ill", findings: [{ id: "site.E003" }] });
  expect(said.of("project")).toBeUndefined();
  expect(said.next).toBe("everspot up");
});

test("its lines fit a narrow terminal", async () => {
  const one = await open();
  const lines: string[] = [];
  const out = { isTTY: true, columns: 60, write: (text: string) => lines.push(...text.split("\n")) };
  const terminal = createTerminal({ json: false, stdout: out, stderr: { write: () => {} } });
  await runDoctor(one.config, { ...one.tools, terminal }, {});
  expect(lines.filter((line) => line.length > 60 && line.includes(" ", 20))).toEqual([]);
  expect(lines.filter((line) => line !== "").at(-1)).toBe("next: everspot up");
});
