import type * as SDK from "@aws-sdk/client-iam";
import type { Clock } from "../../../agent/site/clock.ts";
import { AwsError, type WireServer } from "../wire/server.ts";
import { deleteConflict, type Entities, entityExists, noSuchEntity, type Profile } from "./entities.ts";
import { uniqueId } from "./ids.ts";
import { addTags, assertName, assertPath, tagList } from "./names.ts";
import { byName, page } from "./page.ts";
import { changeable, shapeOf as roleShape } from "./roles.ts";

export function registerProfiles(wire: WireServer, entities: Entities, account: string, clock: Clock): void {
  const on = <I>(operation: string, handler: (input: I) => object | undefined): WireServer =>
    wire.on<I>("iam", operation, handler);

  on("CreateInstanceProfile", (input: SDK.CreateInstanceProfileCommandInput) => {
    const name = assertName(input.InstanceProfileName, "instanceProfileName", 128);
    const taken = [...entities.profiles.keys()].some((n) => n.toLowerCase() === name.toLowerCase());
    if (taken) throw entityExists(`Instance Profile ${name} already exists.`);
    const path = assertPath(input.Path);
    const profile: Profile = {
      name,
      path,
      id: uniqueId("AIPA", 17),
      arn: `arn:aws:iam::${account}:instance-profile${path}${name}`,
      created: new Date(clock.now()),
      role: undefined,
      changed: new Date(clock.now()),
      tags: new Map(),
    };
    addTags(profile.tags, input.Tags);
    entities.profiles.set(name, profile);
    return { InstanceProfile: shapeOf(profile) };
  });
  on("GetInstanceProfile", (input: SDK.GetInstanceProfileCommandInput) => ({
    InstanceProfile: shapeOf(entities.profile(input.InstanceProfileName)),
  }));
  on("DeleteInstanceProfile", (input: SDK.DeleteInstanceProfileCommandInput) => {
    const profile = entities.profile(input.InstanceProfileName);
    if (profile.role !== undefined) {
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    entities.profiles.delete(profile.name);
    return {};
  });
  on("ListInstanceProfiles", (input: SDK.ListInstanceProfilesCommandInput) => {
    const all = byName(entities.profiles.values()).filter((p) => p.path.startsWith(input.PathPrefix ?? "/"));
    const { items, paging } = page(all, input);
    return { InstanceProfiles: items.map((p) => ({ ...shapeOf(p), Tags: undefined })), ...paging };
  });
  on("ListInstanceProfilesForRole", (input: SDK.ListInstanceProfilesForRoleCommandInput) => {
    const { items, paging } = page(entities.profilesOf(entities.role(input.RoleName).name), input);
    return { InstanceProfiles: items.map(shapeOf), ...paging };
  });
  on("AddRoleToInstanceProfile", (input: SDK.AddRoleToInstanceProfileCommandInput) => {
    const role = changeable(entities.role(input.RoleName));
    const profile = entities.profile(input.InstanceProfileName);
    if (profile.role !== undefined) {
      throw new AwsError("LimitExceeded", "Cannot exceed quota for RolesPerInstanceProfile: 1", 409);
    }
    Object.assign(profile, { role: role.name, changed: new Date(clock.now()) });
    return {};
  });
  on("RemoveRoleFromInstanceProfile", (input: SDK.RemoveRoleFromInstanceProfileCommandInput) => {
    const profile = entities.profile(input.InstanceProfileName);
    const role = entities.role(input.RoleName);
    if (profile.role !== role.name) {
      throw noSuchEntity(`Role ${role.name} in Instance Profile ${profile.name} cannot be found.`);
    }
    Object.assign(profile, { role: undefined, changed: new Date(clock.now()) });
    return {};
  });
  on("TagInstanceProfile", (input: SDK.TagInstanceProfileCommandInput) => {
    addTags(entities.profile(input.InstanceProfileName).tags, input.Tags);
    return {};
  });
  on("UntagInstanceProfile", (input: SDK.UntagInstanceProfileCommandInput) => {
    for (const key of input.TagKeys ?? []) entities.profile(input.InstanceProfileName).tags.delete(key);
    return {};
  });
  on("ListInstanceProfileTags", (input: SDK.ListInstanceProfileTagsCommandInput) => {
    const { items, paging } = page(tagList(entities.profile(input.InstanceProfileName).tags), input);
    return { Tags: items, ...paging };
  });

  const shapeOf = (profile: Profile): SDK.InstanceProfile => ({
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: profile.arn,
    CreateDate: profile.created,
    Roles: profile.role === undefined ? [] : [roleShape(entities.role(profile.role))],
    ...(profile.tags.size === 0 ? {} : { Tags: tagList(profile.tags) }),
  });
}
