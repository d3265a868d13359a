/** Deploys with the roles that `everspot github` makes: code alone, and with what machines start with. */
import * as ec2 from "@aws-sdk/client-ec2";
import * as s3 from "@aws-sdk/client-s3";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { connect } from "../../../provisioner/aws/connect.ts";
import type { DeployOptions } from "../../../provisioner/commands/deploy.ts";
import { runGithub } from "../../../provisioner/commands/github.ts";
import { runRollback } from "../../../provisioner/commands/rollback.ts";
import { runRun } from "../../../provisioner/commands/run.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { compareConfiguration } from "../../../provisioner/deploy/configuration.ts";
import { GITHUB, type GithubTokens, startGithubTokens } from "../deploy/github-tokens.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { sha256 } from "../sha256.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const repo = "ann/blog";
const bucket = "everspot-blog-123456789012-us-east-1";
const claims = { sub: "repo:ann/blog:ref:refs/heads/main", repository: "ann/blog" };
const VARIABLES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;

/** With the credentials that a job of GitHub's gets for the role. */
async function inJob<T>(desk: Desk, github: GithubTokens, run: () => Promise<T>): Promise<T> {
  const sts = new STSClient({ region: "us-east-1" });
  const { Credentials } = await sts.send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: "arn:aws:iam::123456789012:role/everspot-blog-deploy",
      RoleSessionName: "job",
      WebIdentityToken: github.token(),
    }),
  );
  sts.destroy();
  desk.forget();
  const before = VARIABLES.map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId,
    AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey,
    AWS_SESSION_TOKEN: Credentials?.SessionToken,
  });
  try {
    return await run();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe("a new version of everspot, and a change of what machines start with", () => {
  let site: SwapSite;
  let github: GithubTokens;
  let owner: { ec2: ec2.EC2Client; s3: s3.S3Client };
  beforeAll(async () => {
    github = await startGithubTokens(claims);
    site = await openSwapSite({ cloud: { oidcKeys: { [GITHUB]: github.jwks } } });
    owner = {
      ec2: new ec2.EC2Client({ region: "us-east-1" }),
      s3: new s3.S3Client({ region: "us-east-1" }),
    };
  });
  afterEach(() => {
    expect(site.agents.failures).toEqual([]);
    expect(site.cloud.faults()).toEqual([]);
  });
  afterAll(async () => {
    owner.ec2.destroy();
    owner.s3.destroy();
    await site.close();
    await github.close();
  });

  /** Actions that the role was refused meanwhile. */
  /** Which secrets are set is asked, and is none of the role's business. */
  const SECRETS = "ssm:GetParametersByPath";
  const refusedIn = async (run: () => Promise<void>): Promise<string[]> => {
    const { authorizer } = site.cloud.iam;
    const { decide } = authorizer;
    const refused = new Set<string>();
    authorizer.decide = (needed, session, role, call) => {
      const denial = decide.call(authorizer, needed, session, role, call);
      if (denial !== undefined && role.name === "everspot-blog-deploy") refused.add(needed.action);
      return denial;
    };
    try {
      await inJob(site, github, run);
    } finally {
      authorizer.decide = decide;
    }
    return [...refused];
  };
  const rollback = (inPlace: boolean) =>
    runRollback(site.config, site.tools, { id: undefined, inPlace, timeout: 600 });
  /** Every command that a job may run, each with what makes it look and write. */
  const everyCommand = async (mark: string, more: Partial<DeployOptions> = {}) => {
    await site.deploy(`${mark} 1`, more);
    await site.deploy(`${mark} 2`, { inPlace: true });
    await rollback(false);
    await rollback(true);
    await site.deploy("", { abort: true });
  };

  const version = async () => {
    const { LaunchTemplates } = await owner.ec2.send(new ec2.DescribeLaunchTemplatesCommand({}));
    return LaunchTemplates?.[0]?.LatestVersionNumber;
  };
  const agents = async () => {
    const found = await owner.s3.send(new s3.ListObjectsV2Command({ Bucket: bucket, Prefix: "agent/" }));
    return found.Contents?.map((o) => o.Key?.slice("agent/".length).replace(/\..*/, ""));
  };
  /** As a checkout of a newer everspot has it. */
  const bump = (workers: number) => {
    site.config.app.workers = workers;
    const { agentArchive } = site.tools;
    site.tools.agentArchive = async (arch) => ({
      ...(await agentArchive(arch)),
      sha256: sha256(`agent ${workers}`),
    });
  };

  test("the role for code deploys through it, leaves it alone, and says what brings it", async () => {
    await runGithub(site.config, site.tools, { repo, withAgent: false });
    const [template, archives] = [await version(), await agents()];
    bump(3);
    const before = await site.site();
    await inJob(site, github, () => site.deploy("code, by a job"));
    const after = await site.site();
    expect(site.json()).toMatchObject({ command: "deploy", result: "done", instance: after?.owner });
    expect(after?.owner).not.toBe(before?.owner);
    expect([await version(), await agents()]).toEqual([template, archives]);
    expect(site.said()).toMatch(
      /stays as it is.*upload the agent.*`everspot deploy` at a terminal brings it/,
    );
    await inJob(site, github, () => site.deploy("code, by a job"));
    expect(site.json()).toMatchObject({ result: "unchanged" });
    expect((await site.site())?.owner).toBe(after?.owner);
  });

  test("it may read the console of an instance, to say why one does not come up", async () => {
    const instance = (await site.site())?.owner ?? "";
    await inJob(site, github, async () => {
      const aws = await connect(site.config, site.tools.clock);
      try {
        expect(await aws.instances.console(instance)).toBeTypeOf("string");
      } finally {
        aws.close();
      }
    });
  });

  test("every command of a job works with it, and none is refused more than a template of its own", async () => {
    expect(await refusedIn(() => everyCommand("by a job"))).toEqual([
      SECRETS,
      "ec2:CreateLaunchTemplateVersion",
    ]);
  });

  test("and can bring no machine of its own", async () => {
    await inJob(site, github, async () => {
      const hostile = { ec2: new ec2.EC2Client({ maxAttempts: 1 }), s3: new s3.S3Client({ maxAttempts: 1 }) };
      const refused = (call: Promise<unknown>) =>
        expect(call).rejects.toHaveProperty(
          "name",
          expect.stringMatching(/AccessDenied|UnauthorizedOperation/),
        );
      const put = (Key: string) =>
        hostile.s3.send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body: "x" }));
      await refused(put(`agent/${sha256("mine")}.tar.gz`));
      await refused(put("image.json"));
      const { LaunchTemplates } = await hostile.ec2.send(new ec2.DescribeLaunchTemplatesCommand({}));
      await refused(
        hostile.ec2.send(
          new ec2.CreateLaunchTemplateVersionCommand({
            LaunchTemplateId: LaunchTemplates?.[0]?.LaunchTemplateId,
            SourceVersion: "$Latest",
            LaunchTemplateData: { UserData: "IyEvYmluL3No" },
          }),
        ),
      );
      const instance = (await site.site())?.owner ?? "";
      await refused(hostile.ec2.send(new ec2.CreateImageCommand({ InstanceId: instance, Name: "mine" })));
      await hostile.ec2.send(new ec2.GetConsoleOutputCommand({ InstanceId: instance }));
      hostile.ec2.destroy();
      hostile.s3.destroy();
    });
  });

  test("and cannot have a command run, whose output would tell the secrets", async () => {
    await inJob(site, github, async () => {
      const run = { command: "run" as const, words: ["env"], json: false, timeout: 60 };
      const error = await runRun(site.config, site.tools, run).catch((e: unknown) => e);
      expect(error).toMatchObject({
        message: expect.stringMatching(/could not read \S+\/runs\/asked\//),
        hint: expect.stringContaining("must allow s3:GetObject"),
      });
    });
    expect(site.agents.commands.started).toEqual([]);
  });

  test("the role with the agent brings it along", async () => {
    await runGithub(site.config, site.tools, { repo, withAgent: true });
    const template = await version();
    await inJob(site, github, () => site.deploy("code and machine, by a job"));
    expect(site.json()).toMatchObject({ result: "done" });
    expect(site.said()).not.toContain("stays as it is");
    expect(await version()).toBe((template ?? 0) + 1);
    expect(await agents()).toContain(sha256("agent 3"));
    await runGithub(site.config, site.tools, { repo, withAgent: false });
    expect(site.said()).toContain(
      "set what the deploy role may do: this site's releases, fleet and instances",
    );
  });

  test("with the agent, too, every command of a job works, baking among them", async () => {
    await runGithub(site.config, site.tools, { repo, withAgent: true });
    site.config.app.workers = 5;
    // What instances may do changes with the first image of their own; `up` sees to it.
    expect(await refusedIn(() => everyCommand("with the agent", { bake: true }))).toEqual([
      SECRETS,
      "iam:PutRolePolicy",
    ]);
  });

  test("a site with ACM's certificate is deployed by a job, whichever role it has", async () => {
    site.config.certificate = { ...site.config.certificate, source: "acm" };
    await runUp(site.config, site.tools, { refreshImage: false, wait: false, timeout: 600 });
    for (const withAgent of [false, true]) {
      await runGithub(site.config, site.tools, { repo, withAgent });
      expect(await refusedIn(() => site.deploy(`with ACM, ${withAgent}`))).toEqual([SECRETS]);
    }
    expect(await refusedIn(() => rollback(true))).toEqual([]);
    site.config.certificate = { ...site.config.certificate, source: "letsencrypt" };
  });

  test("a fleet that `up` made in the place of another can be deployed on", async () => {
    site.config.fleet = { ...site.config.fleet, types: ["t3.medium"] };
    await runUp(site.config, site.tools, { refreshImage: false, wait: true, timeout: 600 });
    await inJob(site, github, () => site.deploy("on the other fleet"));
    expect(site.json()).toMatchObject({ result: "done" });
  });
});

test("a site whose certificate `up` requested from ACM is compared with the role, too", async () => {
  const github = await startGithubTokens(claims);
  const desk = await openDesk({
    toml: `${MINIMAL}[certificate]\nsource = "acm"\n`,
    cloud: { oidcKeys: { [GITHUB]: github.jwks }, zones: ["us-east-1a"] },
  });
  try {
    await runUp(desk.config, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
    await runGithub(desk.config, desk.tools, { repo, withAgent: false });
    await inJob(desk, github, async () => {
      const aws = await connect(desk.config);
      const change = await compareConfiguration({ config: desk.config, aws, tools: desk.tools });
      expect(change.actions).toEqual([]);
      aws.close();
    });
    expect(desk.cloud.faults()).toEqual([]);
  } finally {
    await desk.close();
    await github.close();
  }
});
