import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IAM } from "@aws-sdk/client-iam";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Keeper } from "../../../agent/keeping/keeper.ts";
import { composeAgent, type Places } from "../../../agent/program/compose.ts";
import { connect } from "../../../agent/program/connections.ts";
import { Redactor } from "../../../agent/redaction/redactor.ts";
import { type Ec2Site, startEc2Site } from "../../cloud/ec2-site.ts";
import { bootConfigOf } from "../boot-config.ts";
import { identityOf } from "../machine/instance.ts";
import { type MetadataService, startMetadata } from "./metadata.ts";

const log = pino({ level: "silent" });

let folder: string;
let file: string;
let site: Ec2Site;
let metadata: MetadataService;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "compose-"));
  file = join(folder, "boot.json");
  site = await startEc2Site();
  metadata = await startMetadata();
  env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url };
  process.env.AWS_ENDPOINT_URL = site.cloud.endpoint;
  await writeFile(file, JSON.stringify(config));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await metadata.close();
  await site.cloud.close();
  await rm(folder, { recursive: true, force: true });
});

const config = { ...bootConfigOf({ site: "demo", region: "us-east-1", bucket: "demo" }) };
const places = (): Places => ({
  run: join(folder, "run"),
  state: join(folder, "state"),
  releases: join(folder, "state/releases"),
  certificates: join(folder, "run/certificates"),
  letsencrypt: join(folder, "run/letsencrypt"),
});
const compose = async (more: object = {}, redactor = new Redactor()) => {
  const identity = { ...identityOf("i-00000001"), ...more };
  const start = { bootId: "b-1", started: 1_000, steps: [] };
  return composeAgent(await connect(log, redactor, env, file), identity, start, log, places());
};

test("the parts work with the role's credentials, and each service of AWS has one client", async () => {
  const root = { region: "us-east-1", endpoint: site.cloud.endpoint, credentials: root_ };
  await new S3Client(root).send(new CreateBucketCommand({ Bucket: "demo" }));
  await new SSMClient(root).send(
    new PutParameterCommand({ Name: "/everspot/demo/TOKEN", Value: "s3cret", Type: "SecureString" }),
  );
  const Tags = [{ Key: "everspot:site", Value: "demo" }];
  const fleet = await site.fleet({ TagSpecifications: [{ ResourceType: "fleet", Tags }] });
  const [member = ""] = await site.members(fleet);
  await giveRole(member);

  const redactor = new Redactor();
  const { machine } = await compose({}, redactor);
  expect(await machine.peers.find(member)).toMatchObject({ instance: member, alive: true, fleet });
  expect(await machine.fleet.target()).toEqual({ total: 1, bridge: undefined });
  expect(await machine.launches.hasImage("ami-00000000")).toBe(false);
  // A client asks for credentials once, and keeps them.
  const credentials = () => metadata.asked.filter((path) => path === "iam/security-credentials/site");
  expect(credentials()).toHaveLength(1);

  await machine.store.put("a.json", "{}");
  expect(await machine.secrets.read()).toEqual({ TOKEN: "s3cret" });
  expect(credentials()).toHaveLength(3);

  // Who reads the secrets has made them known; nothing that is written from then on tells one.
  expect(redactor.text("it said s3cret")).toBe("it said [redacted]");
  await machine.store.put("b.json", JSON.stringify({ error: "it said s3cret" }));
  const { body } = (await machine.store.get("b.json")) ?? expect.fail("not there");
  expect(JSON.parse(new TextDecoder().decode(body))).toEqual({ error: "it said [redacted]" });
});
const root_ = { accessKeyId: "AKIATEST", secretAccessKey: "test" };

/** The metadata service has credentials of a role that may do everything. */
async function giveRole(instance: string): Promise<void> {
  const iam = new IAM({ region: "us-east-1", endpoint: site.cloud.endpoint, credentials: root_ });
  const policy = (statement: object) => JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  const trust = { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" };
  await iam.createRole({ RoleName: "site", AssumeRolePolicyDocument: policy(trust) });
  const all = policy({
    Effect: "Allow",
    Action: ["s3:*", "ec2:*", "ssm:*", "sns:*", "logs:*"],
    Resource: "*",
  });
  await iam.putRolePolicy({ RoleName: "site", PolicyName: "all", PolicyDocument: all });
  await iam.addRoleToInstanceProfile({ InstanceProfileName: "site", RoleName: "site" });
  const role = site.cloud.iam.instances.credentialsFor("site", instance);
  metadata.answers.set("iam/security-credentials/", "site");
  metadata.answers.set(
    "iam/security-credentials/site",
    JSON.stringify({
      ...{
        AccessKeyId: role?.accessKeyId,
        SecretAccessKey: role?.secretAccessKey,
        Token: role?.sessionToken,
      },
      Expiration: "2100-01-01T00:00:00Z",
    }),
  );
}

/** Notices go to a topic that mails them, of an instance that may do everything. @param more of the configuration. */
async function mailed(more: object = {}): Promise<void> {
  const sns = new SNSClient({ region: "us-east-1", endpoint: site.cloud.endpoint, credentials: root_ });
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "everspot-demo" }));
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: "email", Endpoint: "ann@example.com" }));
  sns.destroy();
  site.cloud.sns.confirm("ann@example.com");
  site.cloud.sns.mails.length = 0;
  await writeFile(file, JSON.stringify({ ...config, ...more, notify: { topic: TopicArn } }));
  env.AWS_ENDPOINT_URL = site.cloud.endpoint;
  const [member = ""] = await site.members(await site.fleet({}));
  await giveRole(member);
}

test("a test notice is mailed by the site's topic, with the role's credentials, and names the instance", async () => {
  await mailed();
  const { machine } = await compose();
  expect(await machine.tryNotify()).toEqual([{ channel: "mail" }]);
  expect(site.cloud.sns.mails).toEqual([
    expect.objectContaining({
      to: "ann@example.com",
      text: expect.stringContaining("a test notice from i-00000001"),
    }),
  ]);
});

test("the log is kept without its secrets, which are read first; where it ends for the day is said and mailed", async () => {
  const ssm = new SSMClient({ region: "us-east-1", endpoint: site.cloud.endpoint, credentials: root_ });
  const secret = { Name: "/everspot/demo/TOKEN", Value: "s3cret", Type: "SecureString" } as const;
  await ssm.send(new PutParameterCommand(secret));
  ssm.destroy();
  site.cloud.logGroups.groups.create("everspot-demo", {}, undefined);
  await mailed({ logs: { maxMbPerDay: 1 } });
  const entry = (n: number, MESSAGE: string) =>
    JSON.stringify({
      ...{ MESSAGE, __CURSOR: `s=a;i=${n};`, __REALTIME_TIMESTAMP: String(site.clock.now() * 1000) },
      _SYSTEMD_UNIT: "everspot-app@r1.service",
    });
  const large = Array.from({ length: 6 }, (_, n) => entry(n + 1, "x".repeat(200_000)));
  await writeFile(join(folder, "journal"), [entry(0, "it said s3cret"), ...large, ""].join("\n"));
  const journalctl = `#!/bin/sh\ncat '${join(folder, "journal")}'\nexec sleep 60\n`;
  await writeFile(join(folder, "journalctl"), journalctl, { mode: 0o755 });
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  const told = vi.spyOn(log, "warn");

  const { machine } = await compose();
  const stop = new AbortController();
  machine.logs.hurry();
  const over = machine.logs.run(stop.signal);
  await expect.poll(() => site.cloud.sns.mails, { timeout: 20_000 }).toHaveLength(1);
  stop.abort();
  await over;

  const lines = site.cloud.logGroups.messages("everspot-demo");
  expect(lines[0]).toBe("it said [redacted]");
  expect(lines.join("").length).toBeLessThan(1_000_000);
  const ends = expect.stringContaining("1 MB of it were brought into CloudWatch Logs today");
  expect(site.cloud.sns.mails).toEqual([expect.objectContaining({ text: ends })]);
  expect(told.mock.calls.map(([text]) => text)).toContainEqual(ends);
});

test("only an order of a certificate needs certbot", async () => {
  const { machine } = await compose();
  const asked = vi.spyOn(machine.packages, "ensure").mockResolvedValue(undefined as never);
  await machine.certificates.authority.prepare?.();
  expect(asked.mock.calls).toEqual([[{ lean: ["certbot"] }, undefined, true]]);
});

test("a site with state has a keeper of it, one without may bring what its app has written", async () => {
  const { machine } = await compose();
  expect([machine.state, machine.bringing?.what]).toEqual([undefined, undefined]);
  expect(machine.bringing).toBeDefined();
  await writeFile(file, JSON.stringify({ ...config, state: { database: ["$STATE_DIRECTORY/a.sqlite3"] } }));
  const kept = (await compose()).machine;
  expect(kept.state).toBeInstanceOf(Keeper);
  expect(kept.bringing).toBeUndefined();
});

test("the record begins where the boot did, of an instance that is known", async () => {
  const { machine, recorder } = await compose();
  expect(recorder.value).toBeUndefined();
  recorder.identify(machine.identity);
  recorder.close();
  expect(recorder.value).toMatchObject({
    ...{ site: "demo", bootId: "b-1", instance: "i-00000001", agent: config.agent, state: "booting" },
    started: "1970-01-01T00:00:01.000Z",
  });
  expect(machine.certificates).toMatchObject({ instance: "i-00000001", folder: places().certificates });
  for (const made of [places().run, places().state]) expect((await stat(made)).isDirectory()).toBe(true);
});

test("a machine that is a copy has its packages looked at again, by the image its disk began as", async () => {
  const asked: string[] = [];
  const original = (await compose()).machine;
  const copy = (await compose({ copyOf: "i-00000009", base: "ami-99999999" })).machine;
  for (const { packages, store } of [original, copy]) {
    store.get = async (key) => {
      asked.push(key);
      return undefined;
    };
    // Nothing is missing: only a copy looks whether the bucket has newer ones.
    await packages.ensure({ lean: [] });
  }
  expect(asked.filter((key) => key.startsWith("layers/"))).toHaveLength(1);
});

test("what bootstrap.sh did not leave, or left in another form, is said with what to do", async () => {
  await rm(file);
  await expect(connect(log, new Redactor(), env, file)).rejects.toMatchObject({
    message: expect.stringMatching(/^boot\.json: ENOENT/),
    resource: file,
    hint: expect.stringContaining("journalctl -u cloud-final"),
  });
  await writeFile(file, "{ half");
  await expect(connect(log, new Redactor(), env, file)).rejects.toMatchObject({
    message: expect.stringMatching(/^boot\.json: .*JSON/),
    hint: expect.stringContaining("reboot"),
  });
  await writeFile(file, JSON.stringify({ ...config, domain: 7 }));
  await expect(connect(log, new Redactor(), env, file)).rejects.toMatchObject({
    message: expect.stringMatching(/^boot\.json: domain: /),
    hint: expect.stringContaining("everspot up"),
  });
  await writeFile(file, JSON.stringify(config));
  await expect(connect(log, new Redactor(), {}, file)).rejects.toThrow(
    "AWS_EC2_METADATA_SERVICE_ENDPOINT is not set",
  );
});
