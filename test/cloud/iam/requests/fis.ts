import { type Check, check, type Mapping, requestTags, resourceTags, type World } from "./check.ts";

const arnOf = (world: World, type: string, id: string): string =>
  `arn:aws:fis:${world.region}:${world.account}:${type}/${id}`;

interface Tagged {
  tags?: Readonly<Record<string, string>>;
}
const tagsIn = ({ tags = {} }: Tagged) =>
  requestTags(Object.entries(tags).map(([Key, Value]) => ({ Key, Value })));

/** Tags given on creation need the permission to tag too. */
const tagged = (world: World, type: string, input: Tagged): Check[] =>
  input.tags === undefined ? [] : [check("fis:TagResource", arnOf(world, type, "*"), tagsIn(input))];

/** Service Authorization Reference, "AWS Fault Injection Service"; the role is handed over as its user guide says. */
export const fis: Mapping = {
  CreateExperimentTemplate: (
    input: Tagged & { roleArn: string; actions: Record<string, { actionId: string }> },
    world,
  ) => [
    check("fis:CreateExperimentTemplate", arnOf(world, "experiment-template", "*"), tagsIn(input)),
    ...Object.values(input.actions).map(({ actionId }) =>
      check(
        "fis:CreateExperimentTemplate",
        `arn:aws:fis:${world.region}:${world.account}:action/${actionId}`,
        tagsIn(input),
      ),
    ),
    ...tagged(world, "experiment-template", input),
    check("iam:PassRole", input.roleArn, { "iam:PassedToService": "fis.amazonaws.com" }),
  ],
  StartExperiment: (input: Tagged & { experimentTemplateId: string }, world) => [
    check("fis:StartExperiment", arnOf(world, "experiment", "*"), tagsIn(input)),
    on(world, "StartExperiment", "experiment-template", input.experimentTemplateId, tagsIn(input)),
    ...tagged(world, "experiment", input),
    // FIS makes its service-linked role at the first experiment of an account, in the name of who starts it.
    check(
      "iam:CreateServiceLinkedRole",
      `arn:aws:iam::${world.account}:role/aws-service-role/fis.amazonaws.com/AWSServiceRoleForFIS`,
      { "iam:AWSServiceName": "fis.amazonaws.com" },
    ),
  ],
  GetExperiment: ({ id }: { id: string }, world) => [on(world, "GetExperiment", "experiment", id)],
  DeleteExperimentTemplate: ({ id }: { id: string }, world) => [
    on(world, "DeleteExperimentTemplate", "experiment-template", id),
  ],
  ListExperimentTemplates: () => [check("fis:ListExperimentTemplates", "*")],
};

function on(world: World, action: string, type: string, id: string, more: Check["context"] = {}): Check {
  const arn = arnOf(world, type, id);
  return check(`fis:${action}`, arn, { ...resourceTags(world, arn), ...more });
}
