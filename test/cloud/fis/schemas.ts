/**
 * The part of AWS FIS's model (2020-12-01) that the local FIS answers, in the form of the SDK's clients, of which this
 * release has none for FIS. Members and paths: AWS FIS API Reference.
 */
const ns = "com.amazonaws.fis";
const text = 0;
const time = 4;
const structure = (
  name: string,
  required: Record<string, unknown>,
  optional: Record<string, unknown> = {},
) => {
  const members = { ...required, ...optional };
  return [3, ns, name, 0, Object.keys(members), Object.values(members), Object.keys(required).length];
};
const list = (name: string, of: unknown) => [1, ns, name, 0, of];
const map = (name: string, of: unknown) => [2, ns, name, 0, text, of];
const operation = (name: string, method: string, path: string, input: unknown, output: unknown) => [
  9,
  ns,
  name,
  { http: [method, path, 200] },
  () => input,
  () => output,
];

const tags = map("TagMap", text);
const stopConditions = list("StopConditions", structure("StopCondition", { source: text }, { value: text }));
const target = structure(
  "Target",
  { resourceType: text, selectionMode: text },
  { resourceArns: list("Arns", text), resourceTags: tags, parameters: map("Parameters", text) },
);
const action = structure(
  "Action",
  { actionId: text },
  { description: text, parameters: map("ActionParameters", text), targets: map("ActionTargets", text) },
);
const template = structure(
  "ExperimentTemplate",
  {},
  {
    ...{ id: text, arn: text, description: text, roleArn: text, creationTime: time, tags, stopConditions },
    ...{ targets: map("Targets", target), actions: map("Actions", action) },
  },
);
const experiment = structure(
  "Experiment",
  {},
  {
    ...{ id: text, experimentTemplateId: text, roleArn: text, creationTime: time, tags },
    state: structure("ExperimentState", {}, { status: text, reason: text }),
  },
);
const id = [0, { httpLabel: 1 }];

export const CreateExperimentTemplate$ = operation(
  "CreateExperimentTemplate",
  "POST",
  "/experimentTemplates",
  structure(
    "CreateExperimentTemplateRequest",
    {
      ...{ clientToken: text, description: text, stopConditions, roleArn: text },
      actions: map("CreateActions", action),
    },
    { targets: map("CreateTargets", target), tags },
  ),
  structure("CreateExperimentTemplateResponse", {}, { experimentTemplate: template }),
);
export const ListExperimentTemplates$ = operation(
  "ListExperimentTemplates",
  "GET",
  "/experimentTemplates",
  structure(
    "ListExperimentTemplatesRequest",
    {},
    { maxResults: [1, { httpQuery: "maxResults" }], nextToken: [0, { httpQuery: "nextToken" }] },
  ),
  structure(
    "ListExperimentTemplatesResponse",
    {},
    { experimentTemplates: list("Templates", template), nextToken: text },
  ),
);
export const DeleteExperimentTemplate$ = operation(
  "DeleteExperimentTemplate",
  "DELETE",
  "/experimentTemplates/{id}",
  structure("DeleteExperimentTemplateRequest", { id }),
  structure("DeleteExperimentTemplateResponse", {}, { experimentTemplate: template }),
);
export const StartExperiment$ = operation(
  "StartExperiment",
  "POST",
  "/experiments",
  structure("StartExperimentRequest", { clientToken: text, experimentTemplateId: text }, { tags }),
  structure("StartExperimentResponse", {}, { experiment }),
);
export const GetExperiment$ = operation(
  "GetExperiment",
  "GET",
  "/experiments/{id}",
  structure("GetExperimentRequest", { id }),
  structure("GetExperimentResponse", {}, { experiment }),
);

export class FisClient {
  readonly config = {
    protocol: { getShapeId: () => "aws.protocols#restJson1" },
    protocolSettings: {},
  };
}
