import type {
  LaunchTemplateVersion,
  RequestLaunchTemplateData,
  ResponseLaunchTemplateData,
  Tag,
} from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { invalid, missing, need } from "./errors.ts";
import { newId } from "./ids.ts";
import type { Place } from "./place.ts";
import { checkTags } from "./tags.ts";
import { decodeUserData } from "./user-data.ts";

export interface Template {
  id: string;
  name: string;
  created: Date;
  defaultVersion: number;
  /** The highest number so far: none is given twice. */
  lastNumber: number;
  versions: Map<number, Version>;
}
export interface Version {
  number: number;
  description: string | undefined;
  created: Date;
  data: RequestLaunchTemplateData;
}
/** How calls name a template: by one of the two. */
export interface TemplateName {
  LaunchTemplateId?: string | undefined;
  LaunchTemplateName?: string | undefined;
}

/** Launch templates and their versions; a version never changes. */
export class Templates {
  readonly all = new Map<string, Template>();
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  create(
    name: string,
    data: RequestLaunchTemplateData,
    description: string | undefined,
    tags: Tag[],
  ): Template {
    if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(name)) {
      throw new AwsError(
        "InvalidLaunchTemplateName.MalformedException",
        "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _.",
      );
    }
    if ([...this.all.values()].some((t) => t.name === name)) {
      throw new AwsError(
        "InvalidLaunchTemplateName.AlreadyExistsException",
        "Launch template name already in use.",
      );
    }
    checkData(data);
    const template: Template = {
      id: newId("lt"),
      name,
      created: this.#place.jobs.now(),
      defaultVersion: 1,
      lastNumber: 0,
      versions: new Map(),
    };
    this.#append(template, data, description);
    this.all.set(template.id, template);
    this.#place.tags.adopt(template.id, "launch-template", tags);
    return template;
  }

  /** @param source version whose data the new one starts from; members of `data` replace its members whole. */
  addVersion(
    template: Template,
    data: RequestLaunchTemplateData,
    more: { description: string | undefined; source: string | undefined },
  ): Version {
    const base = more.source === undefined ? {} : this.version(template, more.source).data;
    const merged = { ...base, ...data };
    checkData(merged);
    return this.#append(template, merged, more.description);
  }

  /** @throws AwsError InvalidLaunchTemplateId.NotFound | InvalidLaunchTemplateName.NotFoundException */
  find({ LaunchTemplateId: id, LaunchTemplateName: name }: TemplateName): Template {
    if (id !== undefined && name !== undefined) {
      throw invalid("You may specify either the launch template ID or the launch template name, not both.");
    }
    if (id === undefined && name === undefined) throw missing("LaunchTemplateId");
    const template =
      id === undefined ? [...this.all.values()].find((t) => t.name === name) : this.all.get(id);
    if (template !== undefined) return template;
    if (id === undefined) {
      throw new AwsError(
        "InvalidLaunchTemplateName.NotFoundException",
        "At least one of the launch templates specified in the request does not exist.",
      );
    }
    throw new AwsError(
      "InvalidLaunchTemplateId.NotFound",
      `The specified launch template, with template ID ${id}, does not exist.`,
    );
  }

  /** `$Latest`, `$Default` (also when undefined) or a number. @throws AwsError InvalidLaunchTemplateId.VersionNotFound */
  version(template: Template, wanted: string | undefined): Version {
    const number =
      wanted === undefined || wanted === "$Default"
        ? template.defaultVersion
        : wanted === "$Latest"
          ? latestOf(template)
          : Number(wanted);
    if (!Number.isInteger(number)) {
      throw new AwsError(
        "InvalidLaunchTemplateVersion.Malformed",
        `Invalid launch template version: ${wanted}`,
      );
    }
    const version = template.versions.get(number);
    if (version === undefined) {
      throw new AwsError(
        "InvalidLaunchTemplateId.VersionNotFound",
        `Could not find the specified version ${wanted} for the launch template with ID ${template.id}.`,
      );
    }
    return version;
  }

  remove(template: Template): void {
    this.all.delete(template.id);
    this.#place.tags.drop(template.id);
  }

  #append(template: Template, data: RequestLaunchTemplateData, description: string | undefined): Version {
    const number = ++template.lastNumber;
    const version = { number, description, data, created: this.#place.jobs.now() };
    template.versions.set(number, version);
    return version;
  }
}

/** Of those that are there. */
const latestOf = ({ versions }: Template): number => Math.max(...versions.keys());

export const templateShape = (place: Place, template: Template) => ({
  LaunchTemplateId: template.id,
  LaunchTemplateName: template.name,
  CreateTime: template.created,
  CreatedBy: `arn:aws:iam::${place.account}:root`,
  DefaultVersionNumber: template.defaultVersion,
  LatestVersionNumber: latestOf(template),
  Tags: place.tags.of(template.id),
});

export const versionShape = (place: Place, template: Template, version: Version): LaunchTemplateVersion => ({
  LaunchTemplateId: template.id,
  LaunchTemplateName: template.name,
  VersionNumber: version.number,
  VersionDescription: version.description,
  CreateTime: version.created,
  CreatedBy: `arn:aws:iam::${place.account}:root`,
  DefaultVersion: version.number === template.defaultVersion,
  // The two shapes have the members we keep in common; the wire server checks that.
  LaunchTemplateData: version.data as ResponseLaunchTemplateData,
});

/** What AWS refuses when a version is made; the rest fails at launch, or is a warning. */
function checkData(data: RequestLaunchTemplateData): void {
  if (Object.values(data).every((v) => v === undefined)) throw missing("LaunchTemplateData");
  if (data.UserData !== undefined) decodeUserData(data.UserData);
  for (const { ResourceType: type, Tags: tags } of data.TagSpecifications ?? []) {
    need(type, "TagSpecification.ResourceType");
    checkTags(tags ?? []);
  }
  if (data.NetworkInterfaces?.length && (data.SecurityGroupIds?.length || data.SecurityGroups?.length)) {
    throw new AwsError(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level security groups may not be specified on the same request",
    );
  }
}
