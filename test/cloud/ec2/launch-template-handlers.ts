import { combination, invalid, need } from "./errors.ts";
import { select } from "./filters.ts";
import {
  type Template,
  type Templates,
  templateShape,
  type Version,
  versionShape,
} from "./launch-templates.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { specifiedTags } from "./tags.ts";

export function launchTemplateHandlers(place: Place, templates: Templates): Handlers {
  const tagsOf = (t: Template) => place.tags.of(t.id);
  return {
    CreateLaunchTemplate: (input) => {
      const name = need(input.LaunchTemplateName, "LaunchTemplateName");
      const data = need(input.LaunchTemplateData, "LaunchTemplateData");
      const tags = specifiedTags(input.TagSpecifications, "launch-template");
      const template = templates.create(name, data, input.VersionDescription, tags);
      return { LaunchTemplate: templateShape(place, template) };
    },
    CreateLaunchTemplateVersion: (input) => {
      const template = templates.find(input);
      const version = templates.addVersion(template, need(input.LaunchTemplateData, "LaunchTemplateData"), {
        description: input.VersionDescription,
        source: input.SourceVersion,
      });
      return { LaunchTemplateVersion: versionShape(place, template, version) };
    },
    ModifyLaunchTemplate: (input) => {
      const template = templates.find(input);
      template.defaultVersion = templates.version(
        template,
        need(input.DefaultVersion, "SetDefaultVersion"),
      ).number;
      return { LaunchTemplate: templateShape(place, template) };
    },
    DeleteLaunchTemplate: (input) => {
      const template = templates.find(input);
      const shape = templateShape(place, template);
      templates.remove(template);
      return { LaunchTemplate: shape };
    },
    DeleteLaunchTemplateVersions: (input) => {
      const template = templates.find(input);
      const same = { LaunchTemplateId: template.id, LaunchTemplateName: template.name };
      const answers = need(input.Versions, "LaunchTemplateVersion").map((wanted) => {
        const VersionNumber = Number(wanted);
        const problem = refusal(template, VersionNumber);
        if (problem === undefined) template.versions.delete(VersionNumber);
        return { ...same, VersionNumber, problem };
      });
      return {
        SuccessfullyDeletedLaunchTemplateVersions: answers
          .filter((a) => a.problem === undefined)
          .map(({ problem: _, ...a }) => a),
        UnsuccessfullyDeletedLaunchTemplateVersions: answers
          .filter((a) => a.problem !== undefined)
          .map(({ problem, ...a }) => ({ ...a, ResponseError: problem })),
      };
    },
    DescribeLaunchTemplates: (input) => {
      const ids = input.LaunchTemplateIds?.map((LaunchTemplateId) => templates.find({ LaunchTemplateId }));
      const names = input.LaunchTemplateNames?.map((LaunchTemplateName) =>
        templates.find({ LaunchTemplateName }),
      );
      const named = [...(ids ?? []), ...(names ?? [])];
      const wanted = select(
        named.length > 0 ? named : [...templates.all.values()],
        input.Filters,
        { "launch-template-name": (t) => t.name, "create-time": (t) => t.created.toISOString() },
        tagsOf,
      );
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 1, max: 200 });
      return { LaunchTemplates: items.map((t) => templateShape(place, t)), NextToken: nextToken };
    },
    DescribeLaunchTemplateVersions: (input) => {
      const one = input.LaunchTemplateId !== undefined || input.LaunchTemplateName !== undefined;
      if (!one && !input.Versions?.every((v) => v === "$Latest" || v === "$Default")) {
        throw combination("You must specify the launch template, or the versions $Latest or $Default.");
      }
      const min = Number(input.MinVersion ?? 1);
      const max = Number(input.MaxVersion ?? Number.POSITIVE_INFINITY);
      const { Versions } = input;
      const within = one ? [templates.find(input)] : [...templates.all.values()];
      const all = within.flatMap((template) =>
        versionsOf(templates, template, Versions)
          .filter((v) => v.number >= min && v.number <= max)
          .map((version) => ({ template, version })),
      );
      const wanted = select(all, input.Filters, {
        "image-id": (v) => v.version.data.ImageId,
        "instance-type": (v) => v.version.data.InstanceType,
        "is-default-version": (v) => String(v.version.number === v.template.defaultVersion),
      });
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 1, max: 200 });
      return {
        LaunchTemplateVersions: items.map((v) => versionShape(place, v.template, v.version)),
        NextToken: nextToken,
      };
    },
  };
}

/** Newest first. */
function versionsOf(templates: Templates, template: Template, wanted: string[] | undefined): Version[] {
  if (wanted === undefined || wanted.length === 0) {
    return [...template.versions.values()].sort((a, b) => b.number - a.number);
  }
  if (wanted.length > 200) throw invalid("at most 200 versions can be given");
  return [...new Set(wanted.map((v) => templates.version(template, v)))];
}

function refusal(template: Template, version: number) {
  if (!template.versions.has(version)) {
    return {
      Code: "launchTemplateVersionDoesNotExist" as const,
      Message: `The version ${version} of the launch template ${template.id} does not exist.`,
    };
  }
  if (version === template.defaultVersion) {
    return {
      Code: "unexpectedError" as const,
      Message: `The default version (${version}) of a launch template cannot be deleted.`,
    };
  }
  return undefined;
}
