import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  DeleteLaunchTemplateCommand,
  DeleteLaunchTemplateVersionsCommand,
  DescribeLaunchTemplateVersionsCommand,
  type EC2Client,
  paginateDescribeLaunchTemplates,
  type RequestLaunchTemplateData,
} from "@aws-sdk/client-ec2";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { resourceName } from "../../agent/site/names.ts";
import type { TemplateData } from "../wanted/template.ts";
import { Tokens } from "./clients.ts";
import { hasCode, ignoring, named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { siteFilter, siteTags } from "./tags.ts";

export interface VersionSeen {
  version: number;
  description: string | undefined;
  image: string | undefined;
}

export interface TemplateSeen {
  id: string;
  latest: VersionSeen;
}

/** The site's launch template; versions are never changed. */
export interface Templates {
  look(): Promise<TemplateSeen[]>;
  /** One of its versions; undefined when there is none of that number. */
  version(id: string, version: number): Promise<VersionSeen | undefined>;
  create(data: TemplateData, group: string, description: string): Promise<{ id: string; version: number }>;
  createVersion(id: string, data: TemplateData, group: string, description: string): Promise<number>;
  /** A version that is the same as another in all but its number. @returns that. */
  repeatVersion(id: string, version: number): Promise<number>;
  /** Whether these credentials may do so: only asked, nothing is made. */
  mayCreateVersion(template: TemplateSeen): Promise<boolean>;
  /** Nothing to do when it is gone already. */
  deleteVersion(id: string, version: number): Promise<void>;
  delete(id: string): Promise<void>;
}

/** Seconds for which EC2 may not know the versions of a template that it lists. */
const UNKNOWN_SECONDS = 10;

export function createTemplates(client: EC2Client, site: string, clock: Clock = systemClock): Templates {
  const name = resourceName(site);
  const tokens = new Tokens();
  return {
    look: () => named("looking at the launch template", () => look(client, site, clock)),
    version: (id, version) =>
      named("looking at a version of the launch template", () => versionOf(client, id, String(version))),
    create: (data, group, description) =>
      named(`creating the launch template ${name}`, async () => {
        const request = {
          LaunchTemplateName: name,
          VersionDescription: description,
          LaunchTemplateData: wire(data, group, site),
          TagSpecifications: [{ ResourceType: "launch-template" as const, Tags: siteTags(site) }],
        };
        const made = await tokens.during(request, (ClientToken) =>
          client.send(new CreateLaunchTemplateCommand({ ...request, ClientToken })),
        );
        return { id: made.LaunchTemplate?.LaunchTemplateId ?? "", version: 1 };
      }),
    createVersion: (id, data, group, description) =>
      named(`creating a version of the launch template ${name}`, async () => {
        const request = {
          LaunchTemplateId: id,
          VersionDescription: description,
          LaunchTemplateData: wire(data, group, site),
        };
        const made = await tokens.during(request, (ClientToken) =>
          client.send(new CreateLaunchTemplateVersionCommand({ ...request, ClientToken })),
        );
        return made.LaunchTemplateVersion?.VersionNumber ?? 0;
      }),
    repeatVersion: (id, version) =>
      named(`creating a version of the launch template ${name}`, async () => {
        const { description, image } = (await versionOf(client, id, String(version))) ?? {};
        const request = {
          LaunchTemplateId: id,
          SourceVersion: String(version),
          VersionDescription: description,
          // Something must be said.
          LaunchTemplateData: { ImageId: image },
        };
        const made = await tokens.during(request, (ClientToken) =>
          client.send(new CreateLaunchTemplateVersionCommand({ ...request, ClientToken })),
        );
        return made.LaunchTemplateVersion?.VersionNumber ?? 0;
      }),
    mayCreateVersion: ({ id, latest }) =>
      named(`asking whether the launch template ${name} may be changed`, async () => {
        const ask = () =>
          client.send(
            new CreateLaunchTemplateVersionCommand({
              DryRun: true,
              LaunchTemplateId: id,
              LaunchTemplateData: { ImageId: latest.image },
            }),
          );
        return onceKnown(ask, clock).then(
          () => true,
          (error: unknown) => {
            if (hasCode(error, "DryRunOperation")) return true;
            if (hasCode(error, "UnauthorizedOperation")) return false;
            throw error;
          },
        );
      }),
    deleteVersion: (id, version) =>
      named(`deleting version ${version} of the launch template ${name}`, async () => {
        const request = { LaunchTemplateId: id, Versions: [String(version)] };
        const answer = await client.send(new DeleteLaunchTemplateVersionsCommand(request));
        const refused = answer.UnsuccessfullyDeletedLaunchTemplateVersions?.[0]?.ResponseError;
        if (refused === undefined || refused.Code === "launchTemplateVersionDoesNotExist") return;
        throw new EverspotError(`${refused.Message ?? "AWS does not say why"} (${refused.Code})`);
      }),
    delete: (id) =>
      named("deleting the launch template", async () => {
        await client.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: id })).catch(ignoring(UNKNOWN));
      }),
  };
}

const UNKNOWN = "InvalidLaunchTemplateId.NotFound";

/** Asks about a template that EC2 has listed, which not all of it may know yet. */
async function onceKnown<T>(ask: () => Promise<T>, clock: Clock): Promise<T> {
  const end = clock.now() + UNKNOWN_SECONDS * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!hasCode(error, UNKNOWN) || clock.now() >= end) throw error;
      await clock.sleep(1000);
    }
  }
}

async function look(client: EC2Client, site: string, clock: Clock): Promise<TemplateSeen[]> {
  const found = await gather(
    paginateDescribeLaunchTemplates({ client }, { Filters: [siteFilter(site)] }),
    (page) => page.LaunchTemplates,
  );
  const seen = found.map(async (template): Promise<TemplateSeen> => {
    const id = template.LaunchTemplateId ?? "";
    const none = { version: template.LatestVersionNumber ?? 0, description: undefined, image: undefined };
    const latest = await onceKnown(() => versionOf(client, id, "$Latest"), clock);
    return { id, latest: latest ?? none };
  });
  return (await Promise.all(seen)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function versionOf(client: EC2Client, id: string, version: string): Promise<VersionSeen | undefined> {
  const answer = await client
    .send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: id, Versions: [version] }))
    .catch(ignoring("InvalidLaunchTemplateId.VersionNotFound"));
  const found = answer?.LaunchTemplateVersions?.[0];
  return (
    found && {
      version: found.VersionNumber ?? 0,
      description: found.VersionDescription,
      image: found.LaunchTemplateData?.ImageId,
    }
  );
}

function wire(data: TemplateData, group: string, site: string): RequestLaunchTemplateData {
  const tags = siteTags(site);
  return {
    ImageId: data.image,
    IamInstanceProfile: { Name: data.profile },
    // An instance that was only stopped would be kept, and paid for, beside its replacement.
    InstanceInitiatedShutdownBehavior: "terminate",
    MetadataOptions: {
      HttpEndpoint: "enabled",
      HttpTokens: "required",
      HttpPutResponseHopLimit: 1,
      InstanceMetadataTags: "enabled",
    },
    NetworkInterfaces: [
      { DeviceIndex: 0, AssociatePublicIpAddress: true, DeleteOnTermination: true, Groups: [group] },
    ],
    BlockDeviceMappings: [
      {
        DeviceName: data.rootDevice,
        Ebs: { VolumeType: "gp3", VolumeSize: data.disk, DeleteOnTermination: true },
      },
    ],
    UserData: Buffer.from(data.userData).toString("base64"),
    TagSpecifications: [
      { ResourceType: "instance", Tags: tags },
      { ResourceType: "volume", Tags: tags },
    ],
    CreditSpecification: data.credits && { CpuCredits: data.credits },
  };
}
