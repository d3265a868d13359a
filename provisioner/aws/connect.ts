import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { bucketName, runSecretPath, topicArn } from "../../agent/site/names.ts";
import { expectOwner } from "../../agent/site/s3-client.ts";
import { createS3Store } from "../../agent/site/s3-store.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import { readOnce } from "../../agent/site/state/read-once.ts";
import { s3StateBucket } from "../../agent/site/state/s3-bucket.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import { type BakedImages, createBakedImages } from "./baked-images.ts";
import { type Bucket, createBucket } from "./bucket.ts";
import { type Certificates, createCertificates } from "./certificates.ts";
import { type Clients, createClients, lazily } from "./clients.ts";
import { createDns, type Dns } from "./dns.ts";
import { createFleets, type Fleets } from "./fleets.ts";
import { createGithub, type Github } from "./github.ts";
import { type Caller, type Powers, powersOf, whoAmI } from "./identity.ts";
import { createImages, type Images } from "./images.ts";
import { createInstances, type Instances } from "./instances.ts";
import { createDrillRole, type DrillRole } from "./interruption/drill-role.ts";
import { createFis, type Fis } from "./interruption/fis.ts";
import { createLimits, type Limits } from "./limits.ts";
import { createLogs, type Logs } from "./logs/logs.ts";
import { createMarket, type Market } from "./market.ts";
import { createNetwork, type Network } from "./network.ts";
import { type Budget, createBudget } from "./notices/budget.ts";
import { createTopic, type Topic } from "./notices/topic.ts";
import { createRoles, type Roles } from "./roles.ts";
import { createSecrets, type Secrets } from "./secrets.ts";
import { createTemplates, type Templates } from "./templates.ts";

/** Everything in AWS that the commands use, for one site. */
export interface Aws {
  caller: Caller;
  /** "aws", "aws-cn" or "aws-us-gov": the second part of every ARN here. */
  partition: string;
  bucket: Bucket;
  certificates: Certificates;
  store: ObjectStore;
  /** The part of the bucket that holds what the site has written. */
  state: StateBucket;
  /** The same for a command that reads the log several times: no entry twice. */
  stateOnce: StateBucket;
  dns: Dns;
  drillRole: DrillRole;
  fis: Fis;
  fleets: Fleets;
  images: Images;
  bakedImages: BakedImages;
  instances: Instances;
  limits: Limits;
  logs: Logs;
  market: Market;
  network: Network;
  roles: Roles;
  github: Github;
  /** The app's. */
  secrets: Secrets;
  /** Secrets of commands that are run on the instance. */
  runSecrets: Secrets;
  templates: Templates;
  /** What the caller may do, by simulation; undefined for who may do everything. */
  powers(): Promise<Powers | undefined>;
  /** What mails a person. */
  topic: Topic;
  budget: Budget;
  /** Calls made so far. */
  readonly calls: Clients["calls"];
  close(): void;
}

/** @throws EverspotError when there are no credentials, or AWS does not accept them. */
export async function connect(
  { site, region }: { site: string; region: string },
  clock: Clock = systemClock,
): Promise<Aws> {
  const clients = createClients(region, clock);
  try {
    const caller = await whoAmI(clients.sts, region);
    expectOwner(clients.s3, caller.account);
    const name = bucketName(site, caller.account, region);
    return lazily<Aws>({
      caller: () => caller,
      partition: () => caller.arn.split(":")[1] || "aws",
      bucket: () => createBucket(clients.s3, name, site, region),
      certificates: () => createCertificates(clients.acm, site),
      store: () => createS3Store(clients.s3, name),
      state: () => s3StateBucket(clients.s3, name),
      stateOnce: () => readOnce(s3StateBucket(clients.s3, name)),
      dns: () => createDns(clients.route53),
      drillRole: () => createDrillRole(clients.iam, site, region, caller),
      fis: () => createFis(clients.fis, site),
      fleets: () => createFleets(clients.ec2, site, clock),
      images: () => createImages(clients.ec2, clients.ssm),
      bakedImages: () => createBakedImages(clients.ec2, site),
      instances: () => createInstances(clients.ec2, site, clock),
      limits: () => createLimits(clients),
      logs: () => createLogs(clients.logs, site),
      market: () => createMarket(clients.ec2),
      network: () => createNetwork(clients.ec2, site),
      roles: () => createRoles(clients.iam, site, region),
      github: () => createGithub(clients.iam, site, region, caller),
      secrets: () => createSecrets(clients.ssm, site),
      runSecrets: () => createSecrets(clients.ssm, site, runSecretPath(site)),
      templates: () => createTemplates(clients.ec2, site, clock),
      powers: () => () => powersOf(clients.iam, caller),
      topic: () => createTopic(clients.sns, site, topicArn(site, caller.account, region)),
      budget: () => createBudget(clients.budgets, site, caller.account),
      calls: () => clients.calls,
      close: () => clients.destroy,
    });
  } catch (error) {
    clients.destroy();
    throw error;
  }
}
