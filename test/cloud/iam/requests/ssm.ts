import type * as SSM from "@aws-sdk/client-ssm";
import { type Check, check, type Mapping, requestTags, resourceTags, type World } from "./check.ts";

/** AWS's own parameters belong to no account. */
function parameterArn(world: World, name: string): string {
  const account = name.startsWith("/aws/") ? "" : world.account;
  return `arn:aws:ssm:${world.region}:${account}:parameter/${name.replace(/^\//, "")}`;
}

function on(action: string, names: readonly string[], world: World, more: Check["context"] = {}): Check[] {
  return names.map((name) => {
    const arn = parameterArn(world, name);
    return check(action, arn, { ...resourceTags(world, arn), ...more });
  });
}

/** Without the `:version` or `:label` a reader may add. */
const bare = (name: string): string => name.replace(/:[^/:]*$/, "");

export const ssm: Mapping = {
  GetParameter: (input: SSM.GetParameterCommandInput, world) =>
    on("ssm:GetParameter", [bare(input.Name ?? "")], world),
  GetParameters: (input: SSM.GetParametersCommandInput, world) =>
    on("ssm:GetParameters", (input.Names ?? []).map(bare), world),
  GetParameterHistory: (input: SSM.GetParameterHistoryCommandInput, world) =>
    on("ssm:GetParameterHistory", [input.Name ?? ""], world),
  /**
   * The path itself is the resource, not what is below it. Whether AWS keeps a trailing slash is not documented:
   * a policy has to cover both forms.
   */
  GetParametersByPath: (input: SSM.GetParametersByPathCommandInput, world) => {
    const path = input.Path ?? "";
    const names = [...new Set([path, path.replace(/(.)\/$/, "$1")])];
    return on("ssm:GetParametersByPath", names, world, { "ssm:Recursive": String(input.Recursive ?? false) });
  },
  PutParameter: (input: SSM.PutParameterCommandInput, world) => [
    ...on("ssm:PutParameter", [input.Name ?? ""], world, {
      ...requestTags(input.Tags),
      "ssm:Overwrite": String(input.Overwrite ?? false),
    }),
    ...((input.Tags ?? []).length === 0
      ? []
      : on("ssm:AddTagsToResource", [input.Name ?? ""], world, requestTags(input.Tags))),
  ],
  DeleteParameter: (input: SSM.DeleteParameterCommandInput, world) =>
    on("ssm:DeleteParameter", [input.Name ?? ""], world),
  DeleteParameters: (input: SSM.DeleteParametersCommandInput, world) =>
    on("ssm:DeleteParameters", input.Names ?? [], world),
  DescribeParameters: () => [check("ssm:DescribeParameters", "*")],
  AddTagsToResource: (input: SSM.AddTagsToResourceCommandInput, world) =>
    on("ssm:AddTagsToResource", [input.ResourceId ?? ""], world, requestTags(input.Tags)),
  RemoveTagsFromResource: (input: SSM.RemoveTagsFromResourceCommandInput, world) =>
    on("ssm:RemoveTagsFromResource", [input.ResourceId ?? ""], world, { "aws:TagKeys": input.TagKeys }),
  ListTagsForResource: (input: SSM.ListTagsForResourceCommandInput, world) =>
    on("ssm:ListTagsForResource", [input.ResourceId ?? ""], world),
};
