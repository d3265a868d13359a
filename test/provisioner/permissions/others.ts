/** What else happens to an account in the life of a site, with the owner's keys: what commands then find and mend. */
import { ACMClient, ImportCertificateCommand } from "@aws-sdk/client-acm";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkInterfaceCommand,
  DeleteNetworkInterfaceCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import {
  AddClientIDToOpenIDConnectProviderCommand,
  AddRoleToInstanceProfileCommand,
  CreateRoleCommand,
  IAMClient,
  RemoveClientIDFromOpenIDConnectProviderCommand,
  RemoveRoleFromInstanceProfileCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import { selfSigned } from "../../../agent/certificate/self-signed.ts";
import { certificateNames } from "../../../agent/site/certificate-names.ts";
import { pointerDocument } from "../../../agent/site/certificates.ts";
import { channelDocument } from "../../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { keys } from "../../../agent/site/names.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import { GITHUB_AUDIENCE, GITHUB_ISSUER } from "../../../provisioner/wanted/deploy-policy.ts";
import { ADMIN } from "../../cloud/iam/iam.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import type { SwapSite } from "../deploy/swapping.ts";

const NAME = "everspot-blog";
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});

export function others({ cloud, config, owner, agents }: SwapSite) {
  const { accessKeyId, secretAccessKey } = ADMIN;
  const how = {
    region: cloud.region,
    endpoint: cloud.endpoint,
    credentials: { accessKeyId, secretAccessKey },
  };
  const [acm, ec2, iam, s3] = [new ACMClient(how), new EC2Client(how), new IAMClient(how), new S3Client(how)];
  const name = `${NAME}-${cloud.account}-${cloud.region}`;
  const store = createS3Store(s3, name);
  const ours = { Filters: [{ Name: "tag:everspot:site", Values: [config.site] }] };
  const group = async () =>
    (await ec2.send(new DescribeSecurityGroupsCommand(ours))).SecurityGroups?.[0]?.GroupId ?? "";
  let face: string | undefined;
  let isRigid = false;
  cloud.wire.before(({ operation, input }) => {
    if (isRigid && operation === "ModifyFleet" && input.LaunchTemplateConfigs !== undefined)
      throw new AwsError("UnsupportedOperation", "The launch template of a fleet cannot be modified.");
  });
  return {
    /** Whether AWS refuses to change what a fleet launches. */
    rigid(yes: boolean): void {
      isRigid = yes;
    },
    /** GitHub's provider is there, and made for someone else. */
    async provider(): Promise<void> {
      const provider = `arn:aws:iam::${cloud.account}:oidc-provider/${GITHUB_ISSUER}`;
      const of = { OpenIDConnectProviderArn: provider };
      await iam.send(new AddClientIDToOpenIDConnectProviderCommand({ ...of, ClientID: "other" }));
      await iam.send(
        new RemoveClientIDFromOpenIDConnectProviderCommand({ ...of, ClientID: GITHUB_AUDIENCE }),
      );
    },
    /** More releases than are kept. */
    async oldReleases(): Promise<void> {
      const { value } = await readDocument(store, channelDocument);
      const manifest = await store.get(keys.releaseManifest(value?.current ?? ""));
      const text = new TextDecoder().decode(manifest?.body);
      for (let n = 10; n < 22; n++) {
        const id = `r0000${n}`;
        await store.put(keys.releaseManifest(id), text.replaceAll(value?.current ?? "", id));
        await store.put(keys.releaseZip(id), "an old zip");
      }
    },
    /** The agent has ordered a certificate. */
    async issued(): Promise<void> {
      const names = certificateNames(config);
      const now = new Date(cloud.iam.clock.now()).toISOString();
      await updateDocument(store, pointerDocument(names), () => ({
        version: 1 as const,
        names,
        issuances: [
          {
            ...{ id: "c1", serial: "0a", issuer: "CA", names, directory: config.certificate.directory },
            ...{ notBefore: now, notAfter: "2100-01-01T00:00:00.000Z", created: now, by: owner() ?? "" },
            ...{ sha256: "0".repeat(64), renewAt: "2099-01-01T00:00:00.000Z" },
          },
        ],
      }));
    },
    /** What `up` puts right again. */
    async spoilt(): Promise<void> {
      const ssh = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
      await ec2.send(
        new AuthorizeSecurityGroupIngressCommand({ GroupId: await group(), IpPermissions: [ssh] }),
      );
      await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: NAME, PolicyDocument: TRUST }));
    },
    async spoiltProfile(): Promise<void> {
      const profile = { InstanceProfileName: NAME };
      await iam.send(new CreateRoleCommand({ RoleName: "other", AssumeRolePolicyDocument: TRUST }));
      await iam.send(new RemoveRoleFromInstanceProfileCommand({ ...profile, RoleName: NAME }));
      await iam.send(new AddRoleToInstanceProfileCommand({ ...profile, RoleName: "other" }));
    },
    /** Nothing is known of the instance that runs. */
    async silent(): Promise<void> {
      const bucket = cloud.s3.buckets.get(name);
      for (const instance of agents.alive) bucket?.delete(keys.boot(instance), undefined, Date.now());
    },
    async inTheWay(): Promise<void> {
      const SubnetId = (await ec2.send(new DescribeSubnetsCommand(ours))).Subnets?.[0]?.SubnetId;
      const made = await ec2.send(
        new CreateNetworkInterfaceCommand({ SubnetId, Groups: [await group()], Description: "of another" }),
      );
      face = made.NetworkInterface?.NetworkInterfaceId;
    },
    async outOfTheWay(): Promise<void> {
      await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: face }));
    },
    /** A disk that outlived its instance, as EC2 now and then leaves one. */
    looseDisk(): void {
      const { volumes } = cloud.ec2.instances;
      const [volume] = volumes.values();
      if (volume === undefined) throw new Error("there is no disk");
      const id = "vol-0123456789abcdef0";
      volumes.set(id, { ...volume, id, instanceId: undefined });
      cloud.ec2.tags.adopt(id, "volume", [{ Key: "everspot:site", Value: config.site }]);
    },
    /** A copy of the certificate, as `mirror_to_acm` makes it. */
    async mirrored(): Promise<void> {
      const { key, chain } = selfSigned([config.domain], new Date());
      const pair = { Certificate: Buffer.from(chain), PrivateKey: Buffer.from(key) };
      const Tags = [{ Key: "everspot:site", Value: config.site }];
      await acm.send(new ImportCertificateCommand({ ...pair, Tags }));
    },
    close: () => {
      for (const client of [acm, ec2, iam, s3]) client.destroy();
    },
  };
}
