/** What can be asked without an instance. */
import {
  CreateLaunchTemplateVersionCommand,
  DeleteLaunchTemplateVersionsCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
} from "@aws-sdk/client-ec2";
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { signedRpc } from "../../provisioner/aws/signed-json.ts";
import { type Question, refusalOf } from "./question.ts";
import { NAME, TAG, TYPE } from "./scene.ts";

/** AWS has the plan of an account in one region for all. */
const HOME = "us-east-1";

const accountPlan: Question = {
  id: "account-plan",
  asks: "Is the account on the free plan, which may start few instance types?",
  ask: async ({ clients }) => {
    const { credentials, requestHandler } = clients.sts.config;
    const call = signedRpc({
      ...{ service: "freetier", region: HOME, host: `freetier.${HOME}.api.aws`, env: process.env },
      ...{ target: "AWSFreeTierService", version: "1.0", credentials, requestHandler },
    });
    let plan: { accountPlanType?: string; accountPlanStatus?: string } = {};
    const refused = await refusalOf(
      call("GetAccountPlanState", {}).then((answer) => {
        plan = answer as typeof plan;
      }),
    );
    if (refused !== undefined) return { answer: "unknown", facts: refused };
    const { accountPlanType = "", accountPlanStatus = "" } = plan;
    return {
      answer: accountPlanType === "FREE" ? "free" : "paid",
      facts: { type: accountPlanType, status: accountPlanStatus },
    };
  },
};

const dryRun: Question = {
  id: "dry-run",
  asks: "Does a dry run of CreateLaunchTemplateVersion tell whether it would be allowed?",
  ask: async (scene) => {
    const { id } = await scene.template();
    const LaunchTemplateData = { InstanceType: TYPE } as const;
    const refused = await refusalOf(
      scene.clients.ec2.send(
        new CreateLaunchTemplateVersionCommand({ LaunchTemplateId: id, DryRun: true, LaunchTemplateData }),
      ),
    );
    return {
      answer: refused?.code === "DryRunOperation" ? "yes" : "no",
      facts: { code: refused?.code ?? "none: the version was made" },
    };
  },
};

const deletedVersion: Question = {
  id: "deleted-version",
  asks: "Which version of a launch template is the latest once the newest was deleted, and is its number given again?",
  ask: async (scene) => {
    const { ec2 } = scene.clients;
    const { id, version: kept } = await scene.template();
    const { version: deleted } = await scene.template();
    await ec2.send(new DeleteLaunchTemplateVersionsCommand({ LaunchTemplateId: id, Versions: [deleted] }));
    const { LaunchTemplates } = await ec2.send(
      new DescribeLaunchTemplatesCommand({ LaunchTemplateIds: [id] }),
    );
    const shown = String(LaunchTemplates?.[0]?.LatestVersionNumber ?? "none");
    let byName = "";
    const refused = await refusalOf(
      ec2
        .send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: id, Versions: ["$Latest"] }))
        .then((answer) => {
          byName = String(answer.LaunchTemplateVersions?.[0]?.VersionNumber ?? "none");
        }),
    );
    const { version: next } = await scene.template();
    return {
      answer: shown === kept ? "the one before" : shown === deleted ? "the deleted one" : "unknown",
      facts: {
        latest: refused?.code ?? (byName === shown ? "the same" : "another"),
        numberAgain: next === deleted,
      },
    };
  },
};

/** Objects, one every few seconds, each read at once and again. */
const WRITES = 15;
const EVERY_MS = 3_000;
const READS = 2;

const newVersioning: Question = {
  id: "new-versioning",
  asks: "Are objects missing for a while after versions were switched on in a new bucket, and for how long?",
  ask: async ({ clients: { s3 }, account, region, clock, signal }) => {
    const Bucket = `${NAME}-${account}-${region}`;
    const place =
      region === HOME ? {} : { CreateBucketConfiguration: { LocationConstraint: region as never } };
    await s3.send(new CreateBucketCommand({ Bucket, ...place }));
    await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [{ Key: TAG, Value: "yes" }] } }));
    const on = { VersioningConfiguration: { Status: "Enabled" as const } };
    await s3.send(new PutBucketVersioningCommand({ Bucket, ...on }));
    const began = clock.now();
    let [missing, last] = [0, 0];
    for (let n = 0; n < WRITES; n++) {
      await s3.send(new PutObjectCommand({ Bucket, Key: `object-${n}`, Body: "x" }));
      for (let read = 0; read < READS; read++) {
        const found = s3.send(new GetObjectCommand({ Bucket, Key: `object-${n}` }));
        // A connection is free again once its answer was read.
        const refused = await refusalOf(found.then(({ Body }) => Body?.transformToByteArray()));
        if (refused === undefined) continue;
        if (refused.code !== "NoSuchKey") return { answer: "unknown", facts: refused };
        missing++;
        last = (clock.now() - began) / 1000;
      }
      await clock.sleep(EVERY_MS, signal);
    }
    return {
      answer: missing > 0 ? "yes" : "no",
      facts: { missing, reads: WRITES * READS, lastAfterSeconds: Math.round(last) },
    };
  },
};

export const ofTheAccount = [accountPlan, dryRun, deletedVersion, newVersioning];
