/** A site on the local AWS with nothing between the test and the instance: no CLI, no fleet. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { EC2 } from "@aws-sdk/client-ec2";
import { IAM } from "@aws-sdk/client-iam";
import { Route53 } from "@aws-sdk/client-route-53";
import { S3 } from "@aws-sdk/client-s3";
import { ZipFile } from "yazl";
import { type BootRecord, bootRecord } from "../../agent/site/boot-record.ts";
import { type Channel, channelDocument } from "../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { bucketName, keys, resourceName, SITE_TAG } from "../../agent/site/names.ts";
import { poll } from "../../agent/site/poll.ts";
import { createS3Client } from "../../agent/site/s3-client.ts";
import { createS3Store } from "../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import { buildAgentArchive } from "../../provisioner/archive/agent-archive.ts";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { renderUserData } from "../../user-data/render.ts";
import { debianImages } from "../cloud/ec2.ts";
import { type RealCloud, startRealCloud } from "../cloud/real.ts";

const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };
const native = process.arch === "arm64" ? "arm64" : "x86_64";

export interface AgentSite {
  cloud: RealCloud;
  config: BootConfig;
  store: ObjectStore;
  ec2: EC2;
  /** Packs a folder and publishes it as the candidate. */
  publish(folder: string, id: string, change?: (files: Map<string, Buffer>) => void): Promise<void>;
  /** @param config of this instance, where it is to be another one. */
  launch(config?: BootConfig): Promise<string>;
  record(instance: string): Promise<BootRecord | undefined>;
  /** Waits for a state of the record. */
  until(instance: string, state: BootRecord["state"], seconds: number): Promise<BootRecord>;
  channel(): Promise<Channel | undefined>;
}

/** @param change of the boot configuration. @param before what runs on an instance before bootstrap.sh does, in bash. */
export async function startAgentSite(
  change: (config: BootConfig) => BootConfig = (config) => config,
  { before = "" }: { before?: string } = {},
): Promise<AgentSite> {
  const cloud = await startRealCloud({ serviceLinkedRoles: true });
  const client = { endpoint: cloud.endpoint, region: cloud.region, credentials };
  const site = "guestbook";
  const bucket = bucketName(site, cloud.account, cloud.region);
  await new S3(client).createBucket({ Bucket: bucket });
  const store = createS3Store(createS3Client({ ...client, forcePathStyle: true }), bucket);
  const zone = await new Route53(client).createHostedZone({
    Name: "guestbook.example",
    CallerReference: "1",
  });

  const archive = await buildAgentArchive(native);
  await store.upload(keys.agent(archive.sha256), archive.file, undefined, archive.encoding);
  const config = change({
    version: 2,
    site,
    region: cloud.region,
    account: cloud.account,
    bucket,
    agent: archive.sha256,
    domain: "guestbook.example",
    aliases: ["www.guestbook.example"],
    zone: (zone.HostedZone?.Id ?? "").replace("/hostedzone/", ""),
    app: {
      wsgi: "project.wsgi:application",
      ...{ workers: 2, threads: 1, paths: {}, headers: {} },
      health: "/healthz",
      static: [{ url: "/static/", folder: "static" }],
      beforeStart: ["python3 manage.py migrate --noinput", "python3 manage.py collectstatic --noinput"],
      env: { DJANGO_SETTINGS_MODULE: "project.settings" },
      timeout: 30,
      hsts: 3600,
      maxBody: 32,
      strict: false,
    },
    fleet: { bridge: false, credits: "boot" },
    image: { os: "debian-13", packages: ["python3-django", "gunicorn"] },
    certificate: {
      source: "letsencrypt",
      directory: cloud.pebble.directory,
      mirrorToAcm: false,
      wildcard: false,
    },
    logs: { maxMbPerDay: 150 },
    dns: { ttl: 60, drain: 90 },
  });
  const ec2 = new EC2(client);
  const template = await makeTemplate(ec2, new IAM(client), config, before);

  const self: AgentSite = {
    cloud,
    config,
    store,
    ec2,
    publish: async (folder, id, alter) => publish(store, folder, id, alter),
    launch: async (own) => {
      const made = await ec2.runInstances({
        MinCount: 1,
        MaxCount: 1,
        InstanceType: "t3.small",
        UserData: own && userDataOf(own, before),
        LaunchTemplate: { LaunchTemplateId: template },
      });
      return made.Instances?.[0]?.InstanceId ?? "";
    },
    record: async (instance) => {
      const found = await store.get(keys.boot(instance));
      return found && bootRecord.parse(JSON.parse(new TextDecoder().decode(found.body)));
    },
    until: (instance, state, seconds) =>
      poll(
        `${instance} ${state}`,
        async () => {
          const record = await self.record(instance);
          if (record?.state === state) return { done: record };
          return { waiting: record === undefined ? "no record" : JSON.stringify(record.steps.at(-1)) };
        },
        { seconds, everySeconds: 0.25 },
      ),
    channel: async () => (await readDocument(store, channelDocument)).value,
  };
  return self;
}

function userDataOf(config: BootConfig, before: string): string {
  const script = renderUserData(config)
    .toString()
    .replace("#!/bin/bash\n", (first) => first + before);
  return Buffer.from(script).toString("base64");
}

async function makeTemplate(ec2: EC2, iam: IAM, config: BootConfig, before: string): Promise<string> {
  const name = resourceName(config.site);
  const allowed = ["s3:*", "route53:*", "ec2:Describe*", "ssm:*"];
  const document = (statement: object) => JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await iam.createRole({
    RoleName: name,
    AssumeRolePolicyDocument: document({
      Effect: "Allow",
      Principal: { Service: "ec2.amazonaws.com" },
      Action: "sts:AssumeRole",
    }),
  });
  await iam.putRolePolicy({
    RoleName: name,
    PolicyName: "test",
    PolicyDocument: document({ Effect: "Allow", Action: allowed, Resource: "*" }),
  });
  await iam.createInstanceProfile({ InstanceProfileName: name });
  await iam.addRoleToInstanceProfile({ InstanceProfileName: name, RoleName: name });
  const vpc = await ec2.createVpc({ CidrBlock: "10.7.0.0/16" });
  const subnet = await ec2.createSubnet({ VpcId: vpc.Vpc?.VpcId ?? "", CidrBlock: "10.7.0.0/24" });
  const image = debianImages.find(
    (i) => i.os === config.image.os && i.architecture === (native === "arm64" ? "arm64" : "amd64"),
  );
  const made = await ec2.createLaunchTemplate({
    LaunchTemplateName: name,
    LaunchTemplateData: {
      ImageId: image?.id ?? "",
      UserData: userDataOf(config, before),
      IamInstanceProfile: { Name: name },
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
      NetworkInterfaces: [
        { DeviceIndex: 0, AssociatePublicIpAddress: true, SubnetId: subnet.Subnet?.SubnetId ?? "" },
      ],
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: SITE_TAG, Value: config.site }] }],
    },
  });
  return made.LaunchTemplate?.LaunchTemplateId ?? "";
}

async function publish(
  store: ObjectStore,
  folder: string,
  id: string,
  alter: (files: Map<string, Buffer>) => void = () => {},
): Promise<void> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const full = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.relative(folder, full), await readFile(full));
  }
  alter(files);
  const zip = new ZipFile();
  for (const [name, content] of files) zip.addBuffer(content, name);
  zip.end();
  const file = path.join(process.env.TMPDIR ?? "/tmp", `${id}.zip`);
  await pipeline(zip.outputStream, createWriteStream(file));
  const bytes = await readFile(file);
  await store.upload(keys.releaseZip(id), file);
  const manifest = {
    version: 1,
    id,
    counter: 1,
    created: new Date().toISOString(),
    sha256: createHash("sha256").update(bytes).digest("hex"),
    size: bytes.length,
    unpackedSize: [...files.values()].reduce((sum, content) => sum + content.length, 0),
    files: files.size,
  };
  await store.put(keys.releaseManifest(id), JSON.stringify(manifest));
  await updateDocument(store, channelDocument, (channel) => ({
    quarantined: [],
    ...channel,
    version: 2,
    counter: (channel?.counter ?? 0) + 1,
    candidate: { id, attempts: [] },
  }));
}
