/** The way everspot came from: an instance that sets itself up by article.sh. */
import { createWriteStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { IAM } from "@aws-sdk/client-iam";
import { Route53 } from "@aws-sdk/client-route-53";
import { S3 } from "@aws-sdk/client-s3";
import { ZipFile } from "yazl";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import type { Rehearsal } from "../rehearsal/rehearsal.ts";
import type { Boot } from "../rehearsal/result.ts";
import { endInstance, launchInstance } from "../rehearsal/wheels/instance.ts";
import { firstAnswer, startAsking } from "./first-answer.ts";
import { partsOf } from "./marks.ts";

const NAME = "article";
const RELEASE = "releases/1.zip";

export interface Article {
  /** Launches an instance, waits until it serves, ends it. */
  boot(): Promise<Boot>;
}

/** Prepares the bucket, the role and the release, with the wheels in it. The hosted zone is the site's. */
export async function prepareArticle(
  site: Rehearsal,
  wheelhouse: string,
  directory: string,
): Promise<Article> {
  const { cloud } = site;
  const client = { endpoint: cloud.endpoint, region: cloud.region };
  const s3 = new S3({ ...client, forcePathStyle: true });
  const bucket = `${NAME}-${cloud.account}`;
  await s3.createBucket({ Bucket: bucket });
  const zip = path.join(directory, "article.zip");
  await zipOf({ "": site.site.folder, wheelhouse }, zip);
  await s3.putObject({ Bucket: bucket, Key: RELEASE, Body: await readFile(zip) });
  const route53 = new Route53(client);
  const { HostedZones } = await route53.listHostedZonesByName({ DNSName: site.site.zone });
  const zone = (HostedZones?.[0]?.Id ?? "").replace("/hostedzone/", "");
  await makeRole(new IAM(client));

  const script = filledIn(await readFile(path.join(import.meta.dirname, "article.sh"), "utf8"), {
    ...{ BUCKET: bucket, REGION: cloud.region, ZONE: zone },
    ...{ DOMAIN: site.site.domain, DIRECTORY: cloud.pebble.directory },
  });
  const removeRecord = async () => {
    const { ResourceRecordSets } = await route53.listResourceRecordSets({ HostedZoneId: zone });
    const Changes = (ResourceRecordSets ?? [])
      .filter((set) => set.Type === "A")
      .map((set) => ({ Action: "DELETE" as const, ResourceRecordSet: set }));
    if (Changes.length === 0) return;
    await route53.changeResourceRecordSets({ HostedZoneId: zone, ChangeBatch: { Changes } });
  };

  return {
    async boot() {
      const began = Date.now();
      const visitor = startAsking(site);
      const instance = await launchInstance(cloud, { userData: script, profile: NAME });
      try {
        const at = await firstAnswer(visitor, began).catch(async (cause: unknown) => {
          const lines = (await cloud.machines.journal(instance, ["--lines=30"])).split("\n");
          throw new EverspotError(`the article's way: ${messageOf(cause)}`, { cause, lines });
        });
        const { stdout } = await cloud.machines.exec(instance, "cat", ["/run/article/marks"]);
        const { started, steps } = partsOf(stdout);
        return { instance, seconds: (at - started) / 1000, steps };
      } finally {
        await visitor.stop();
        endInstance(cloud, instance);
        await removeRecord();
      }
    },
  };
}

const filledIn = (text: string, values: Record<string, string>): string =>
  text.replace(/@([A-Z]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`article.sh wants ${name}`);
    return value;
  });

async function makeRole(iam: IAM): Promise<void> {
  const document = (statement: object) => JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await iam.createRole({
    RoleName: NAME,
    AssumeRolePolicyDocument: document({
      Effect: "Allow",
      Principal: { Service: "ec2.amazonaws.com" },
      Action: "sts:AssumeRole",
    }),
  });
  const Action = ["s3:ListBucket", "s3:GetObject", "route53:ChangeResourceRecordSets"];
  await iam.putRolePolicy({
    ...{ RoleName: NAME, PolicyName: NAME },
    PolicyDocument: document({ Effect: "Allow", Action, Resource: "*" }),
  });
  await iam.createInstanceProfile({ InstanceProfileName: NAME });
  await iam.addRoleToInstanceProfile({ InstanceProfileName: NAME, RoleName: NAME });
}

/** @param folders by the name they get in the zip; "" is its root. */
async function zipOf(folders: Record<string, string>, file: string): Promise<void> {
  const zip = new ZipFile();
  for (const [name, folder] of Object.entries(folders)) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const full = path.join(entry.parentPath, entry.name);
      zip.addFile(full, path.posix.join(name, path.relative(folder, full)));
    }
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
}
