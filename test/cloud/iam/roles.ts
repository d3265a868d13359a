import type * as SDK from "@aws-sdk/client-iam";
import type { Clock } from "../../../agent/site/clock.ts";
import { AwsError, type WireServer } from "../wire/server.ts";
import { parsePolicy } from "./document.ts";
import {
  type Document,
  deleteConflict,
  type Entities,
  entityExists,
  type Role,
  validation,
} from "./entities.ts";
import { uniqueId } from "./ids.ts";
import { addTags, assertName, assertPath, encodeDocument, tagList } from "./names.ts";
import { byName, page } from "./page.ts";
import { serviceLinkedRole } from "./service-linked.ts";

/** Default quota "Role trust policy length", characters without white space. */
const TRUST_LENGTH = 2048;

export function registerRoles(wire: WireServer, entities: Entities, account: string, clock: Clock): void {
  const on = <I>(operation: string, handler: (input: I) => object | undefined): WireServer =>
    wire.on<I>("iam", operation, handler);

  on("CreateRole", (input: SDK.CreateRoleCommandInput) => {
    const name = assertName(input.RoleName, "roleName", 64);
    assertFree(entities, name);
    const path = assertPath(input.Path);
    if (path.startsWith("/aws-service-role/")) throw validation("Path /aws-service-role/ is reserved.");
    const role = newRole(account, clock, name, path, trustDocument(input.AssumeRolePolicyDocument));
    role.description = input.Description;
    role.maxSession = sessionLength(input.MaxSessionDuration);
    addTags(role.tags, input.Tags);
    entities.roles.set(name, role);
    return { Role: shapeOf(role) };
  });
  on("GetRole", (input: SDK.GetRoleCommandInput) => ({
    Role: { ...shapeOf(entities.role(input.RoleName)), RoleLastUsed: {} },
  }));
  on("ListRoles", (input: SDK.ListRolesCommandInput) => {
    const all = byName(entities.roles.values()).filter((r) => r.path.startsWith(input.PathPrefix ?? "/"));
    const { items, paging } = page(all, input);
    // ListRoles leaves out the tags.
    return { Roles: items.map((r) => ({ ...shapeOf(r), Tags: undefined })), ...paging };
  });
  on("DeleteRole", (input: SDK.DeleteRoleCommandInput) => {
    const role = changeable(entities.role(input.RoleName));
    if (entities.profilesOf(role.name).length > 0) {
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    if (role.inline.size > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
    if (role.attached.size > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
    entities.roles.delete(role.name);
    return {};
  });
  on("UpdateRole", (input: SDK.UpdateRoleCommandInput) => {
    const role = changeable(entities.role(input.RoleName));
    if (input.Description !== undefined) role.description = input.Description;
    if (input.MaxSessionDuration !== undefined) role.maxSession = sessionLength(input.MaxSessionDuration);
    return {};
  });
  on("UpdateAssumeRolePolicy", (input: SDK.UpdateAssumeRolePolicyCommandInput) => {
    changeable(entities.role(input.RoleName)).trust = trustDocument(input.PolicyDocument);
    return {};
  });
  on("TagRole", (input: SDK.TagRoleCommandInput) => {
    addTags(changeable(entities.role(input.RoleName)).tags, input.Tags);
    return {};
  });
  on("UntagRole", (input: SDK.UntagRoleCommandInput) => {
    for (const key of input.TagKeys ?? []) entities.role(input.RoleName).tags.delete(key);
    return {};
  });
  on("ListRoleTags", (input: SDK.ListRoleTagsCommandInput) => {
    const { items, paging } = page(tagList(entities.role(input.RoleName).tags), input);
    return { Tags: items, ...paging };
  });
  on("CreateServiceLinkedRole", (input: SDK.CreateServiceLinkedRoleCommandInput) => {
    const service = input.AWSServiceName ?? "";
    const known = serviceLinkedRole(service);
    if (known === undefined) {
      throw validation(`Service principal ${service} cannot have a service-linked role in this account.`);
    }
    if (entities.roles.has(known.name)) {
      throw new AwsError(
        "InvalidInput",
        `Service role name ${known.name} has been taken in this account, please try a different suffix.`,
        400,
      );
    }
    const trust = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
    });
    const role = newRole(account, clock, known.name, `/aws-service-role/${service}/`, trustDocument(trust));
    role.service = service;
    role.attached.add(`arn:aws:iam::aws:policy/aws-service-role/${known.policy}`);
    entities.roles.set(known.name, role);
    return { Role: shapeOf(role) };
  });
}

function newRole(account: string, clock: Clock, name: string, path: string, trust: Document): Role {
  return {
    name,
    path,
    id: uniqueId("AROA", 17),
    arn: `arn:aws:iam::${account}:role${path}${name}`,
    created: new Date(clock.now()),
    description: undefined,
    maxSession: 3600,
    trust,
    inline: new Map(),
    attached: new Set(),
    tags: new Map(),
    service: undefined,
  };
}

function assertFree(entities: Entities, name: string): void {
  const taken = [...entities.roles.keys()].some((n) => n.toLowerCase() === name.toLowerCase());
  if (taken) throw entityExists(`Role with name ${name} already exists.`);
}

function trustDocument(text: string | undefined): Document {
  const policy = parsePolicy(text ?? "", "trust");
  if ((text ?? "").replace(/\s/g, "").length > TRUST_LENGTH) {
    throw new AwsError("LimitExceeded", `Cannot exceed quota for ACLSizePerRole: ${TRUST_LENGTH}`, 409);
  }
  return { text: text ?? "", policy };
}

function sessionLength(seconds: number | undefined): number {
  if (seconds !== undefined && (seconds < 3600 || seconds > 43_200)) {
    throw validation("MaxSessionDuration must be between 3600 and 43200 seconds.");
  }
  return seconds ?? 3600;
}

/** @throws AwsError UnmodifiableEntity for a role that belongs to a service. */
export function changeable(role: Role): Role {
  if (role.service === undefined) return role;
  throw new AwsError(
    "UnmodifiableEntity",
    `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`,
    400,
  );
}

export const shapeOf = (role: Role): SDK.Role => ({
  Path: role.path,
  RoleName: role.name,
  RoleId: role.id,
  Arn: role.arn,
  CreateDate: role.created,
  AssumeRolePolicyDocument: encodeDocument(role.trust.text),
  Description: role.description,
  MaxSessionDuration: role.maxSession,
  ...(role.tags.size === 0 ? {} : { Tags: tagList(role.tags) }),
});
