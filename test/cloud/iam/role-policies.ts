import type * as SDK from "@aws-sdk/client-iam";
import type { Clock } from "../../../agent/site/clock.ts";
import { AwsError, type WireServer } from "../wire/server.ts";
import { parsePolicy } from "./document.ts";
import { deleteConflict, type Entities, entityExists, type ManagedPolicy, noSuchEntity } from "./entities.ts";
import { uniqueId } from "./ids.ts";
import { assertName, assertPath, encodeDocument } from "./names.ts";
import { byName, page } from "./page.ts";
import { changeable } from "./roles.ts";

/** Quota "Role inline policy size" over all policies of a role, characters without white space. */
const INLINE_LENGTH = 10_240;
/** Quota "Managed policies per role". */
const ATTACHED = 10;

const size = (text: string): number => text.replace(/\s/g, "").length;
const isAwsManaged = (arn: string): boolean => arn.startsWith("arn:aws:iam::aws:policy/");

export function registerRolePolicies(
  wire: WireServer,
  entities: Entities,
  account: string,
  clock: Clock,
): void {
  const on = <I>(operation: string, handler: (input: I) => object | undefined): WireServer =>
    wire.on<I>("iam", operation, handler);

  on("PutRolePolicy", (input: SDK.PutRolePolicyCommandInput) => {
    const role = changeable(entities.role(input.RoleName));
    const name = assertName(input.PolicyName, "policyName", 128);
    const text = input.PolicyDocument ?? "";
    const policy = parsePolicy(text, "identity");
    const others = [...role.inline].filter(([n]) => n !== name).map(([, d]) => size(d.text));
    if (others.reduce((a, b) => a + b, size(text)) > INLINE_LENGTH) {
      throw new AwsError(
        "LimitExceeded",
        `Maximum policy size of ${INLINE_LENGTH} bytes exceeded for role ${role.name}`,
        409,
      );
    }
    role.inline.set(name, { text, policy });
    return {};
  });
  on("GetRolePolicy", (input: SDK.GetRolePolicyCommandInput) => ({
    RoleName: input.RoleName,
    PolicyName: input.PolicyName,
    PolicyDocument: encodeDocument(inline(input.RoleName, input.PolicyName).text),
  }));
  on("DeleteRolePolicy", (input: SDK.DeleteRolePolicyCommandInput) => {
    inline(input.RoleName, input.PolicyName);
    changeable(entities.role(input.RoleName)).inline.delete(input.PolicyName ?? "");
    return {};
  });
  on("ListRolePolicies", (input: SDK.ListRolePoliciesCommandInput) => {
    const { items, paging } = page([...entities.role(input.RoleName).inline.keys()].sort(), input);
    return { PolicyNames: items, ...paging };
  });

  on("AttachRolePolicy", (input: SDK.AttachRolePolicyCommandInput) => {
    const role = changeable(entities.role(input.RoleName));
    const arn = input.PolicyArn ?? "";
    if (!isAwsManaged(arn) && !entities.policies.has(arn)) {
      throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    }
    if (!role.attached.has(arn) && role.attached.size >= ATTACHED) {
      throw new AwsError("LimitExceeded", `Cannot exceed quota for PoliciesPerRole: ${ATTACHED}`, 409);
    }
    role.attached.add(arn);
    return {};
  });
  on("DetachRolePolicy", (input: SDK.DetachRolePolicyCommandInput) => {
    const role = changeable(entities.role(input.RoleName));
    if (!role.attached.delete(input.PolicyArn ?? "")) {
      throw noSuchEntity(`Policy ${input.PolicyArn ?? ""} was not found.`);
    }
    return {};
  });
  on("ListAttachedRolePolicies", (input: SDK.ListAttachedRolePoliciesCommandInput) => {
    const { items, paging } = page([...entities.role(input.RoleName).attached].sort(), input);
    const AttachedPolicies = items.map((arn) => ({ PolicyName: arn.split("/").at(-1), PolicyArn: arn }));
    return { AttachedPolicies, ...paging };
  });

  on("CreatePolicy", (input: SDK.CreatePolicyCommandInput) => {
    const name = assertName(input.PolicyName, "policyName", 128);
    const path = assertPath(input.Path);
    const arn = `arn:aws:iam::${account}:policy${path}${name}`;
    if (entities.policies.has(arn)) {
      throw entityExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
    }
    const text = input.PolicyDocument ?? "";
    const made: ManagedPolicy = {
      name,
      path,
      id: uniqueId("ANPA", 17),
      arn,
      created: new Date(clock.now()),
      description: input.Description,
      document: { text, policy: parsePolicy(text, "identity") },
    };
    entities.policies.set(arn, made);
    return { Policy: shapeOf(made) };
  });
  on("GetPolicy", (input: SDK.GetPolicyCommandInput) => ({
    Policy: shapeOf(entities.policy(input.PolicyArn)),
  }));
  on("GetPolicyVersion", (input: SDK.GetPolicyVersionCommandInput) => {
    const found = entities.policy(input.PolicyArn);
    if (input.VersionId !== "v1") {
      throw noSuchEntity(`Policy ${found.arn} version ${input.VersionId ?? ""} does not exist.`);
    }
    return {
      PolicyVersion: {
        Document: encodeDocument(found.document.text),
        VersionId: "v1",
        IsDefaultVersion: true,
        CreateDate: found.created,
      },
    };
  });
  on("ListPolicies", (input: SDK.ListPoliciesCommandInput) => {
    const { items, paging } = page(byName(entities.policies.values()), input);
    return { Policies: items.map(shapeOf), ...paging };
  });
  on("DeletePolicy", (input: SDK.DeletePolicyCommandInput) => {
    const found = entities.policy(input.PolicyArn);
    if (attachments(found.arn) > 0) throw deleteConflict("Cannot delete a policy attached to entities.");
    entities.policies.delete(found.arn);
    return {};
  });

  function inline(roleName: string | undefined, name: string | undefined) {
    const found = entities.role(roleName).inline.get(name ?? "");
    if (found === undefined) throw noSuchEntity(`The role policy with name ${name ?? ""} cannot be found.`);
    return found;
  }
  const attachments = (arn: string): number =>
    [...entities.roles.values()].filter((role) => role.attached.has(arn)).length;
  const shapeOf = (policy: ManagedPolicy): SDK.Policy => ({
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: "v1",
    AttachmentCount: attachments(policy.arn),
    IsAttachable: true,
    Description: policy.description,
    CreateDate: policy.created,
    UpdateDate: policy.created,
  });
}
