import { randomBytes } from "node:crypto";
import * as model from "./fis/schemas.ts";
import type { Iam } from "./iam/iam.ts";
import type { Jobs } from "./jobs.ts";
import { AwsError, type WireServer } from "./wire/server.ts";

interface Template {
  id: string;
  roleArn: string;
  targets: Record<string, { resourceType: string; resourceArns?: string[]; selectionMode: string }>;
  actions: Record<
    string,
    { actionId: string; parameters?: Record<string, string>; targets?: Record<string, string> }
  >;
  description: string;
  tags?: Record<string, string>;
}

interface Experiment {
  id: string;
  experimentTemplateId: string;
  roleArn: string;
  state: { status: string; reason?: string };
  tags?: Record<string, string>;
}

export interface FisOptions {
  iam: Iam;
  jobs: Jobs;
  /** Whether EC2 has it running as a spot instance. */
  isSpot(instanceId: string): boolean;
  /** The notice of so many seconds, with the recommendation to rebalance. */
  interrupt(instanceId: string, noticeSeconds: number): void;
}

const ACTION = "aws:ec2:send-spot-instance-interruptions";

/**
 * FIS with its one action that a drill uses. As in AWS, the role is looked at when an experiment starts: FIS must be
 * trusted by it, and it must allow the action on the very instance.
 * Not modelled: other actions, stop conditions, tags as targets, more than one account.
 */
export class Fis {
  readonly templates = new Map<string, Template>();
  readonly experiments = new Map<string, Experiment>();
  /** How long FIS does not know a new role when an experiment starts, milliseconds. */
  propagationMs = 0;
  /** The same, when a template is made. */
  templatePropagationMs = 0;
  /** Templates of one page. */
  pageSize = 100;
  readonly #options: FisOptions;

  constructor(wire: WireServer, options: FisOptions) {
    this.#options = options;
    const on = <I>(operation: string, handler: (input: I) => object): WireServer =>
      wire.on<I>("fis", operation, handler);
    wire.use(model, "fis");
    on("CreateExperimentTemplate", (input: Omit<Template, "id"> & { clientToken: string }) => {
      checkTemplate(input);
      const role = [...options.iam.entities.roles.values()].find((r) => r.arn === input.roleArn);
      const age = role === undefined ? 0 : options.iam.clock.now() - role.created.getTime();
      if (age < this.templatePropagationMs) throw invalid("The role cannot be assumed by FIS.");
      const { clientToken: _, ...rest } = input;
      const template = { ...rest, id: idOf("EXT") } as Template;
      this.templates.set(template.id, template);
      return { experimentTemplate: template };
    });
    on("ListExperimentTemplates", ({ nextToken }: { nextToken?: string }) => {
      const all = [...this.templates.values()];
      const start = nextToken === undefined ? 0 : all.findIndex((t) => `after ${t.id}/=` === nextToken) + 1;
      const page = all.slice(start, start + this.pageSize);
      return {
        experimentTemplates: page.map(summary),
        ...(start + page.length < all.length ? { nextToken: `after ${page.at(-1)?.id}/=` } : {}),
      };
    });
    on("DeleteExperimentTemplate", ({ id }: { id: string }) => {
      const experimentTemplate = this.#template(id);
      this.templates.delete(id);
      return { experimentTemplate };
    });
    on("StartExperiment", (input: { experimentTemplateId: string; tags?: Record<string, string> }) => ({
      experiment: this.#start(this.#template(input.experimentTemplateId), input.tags),
    }));
    on("GetExperiment", ({ id }: { id: string }) => {
      const experiment = this.experiments.get(id);
      if (experiment === undefined) throw notFound(`Experiment with id ${id} does not exist.`);
      return { experiment };
    });
  }

  /** Of a template or experiment, by its ARN; undefined for one that is not there. */
  tagsOf(arn: string): Readonly<Record<string, string>> | undefined {
    const id = arn.split("/").at(-1) ?? "";
    const found = this.templates.get(id) ?? this.experiments.get(id);
    return found && (found.tags ?? {});
  }

  #template(id: string): Template {
    const found = this.templates.get(id);
    if (found === undefined) throw notFound(`Experiment template with id ${id} does not exist.`);
    return found;
  }

  #start({ id, roleArn, targets, actions }: Template, tags: Record<string, string> = {}): Experiment {
    const experiment: Experiment = {
      ...{ id: idOf("EXP"), experimentTemplateId: id, roleArn },
      ...{ state: { status: "initiating" }, tags },
    };
    this.experiments.set(experiment.id, experiment);
    const { jobs, interrupt, isSpot } = this.#options;
    const [action] = Object.values(actions);
    const arns = targets[action?.targets?.SpotInstances ?? ""]?.resourceArns ?? [];
    const instances = arns.map((arn) => arn.split("/").at(-1) ?? "");
    const minutes = Number(/^PT(\d+)M$/.exec(action?.parameters?.durationBeforeInterruption ?? "")?.[1]);
    jobs.start(`experiment ${experiment.id}`, async () => {
      const refused = arns.map((arn) => this.#refusal(roleArn, arn)).find((r) => r !== undefined);
      if (refused !== undefined) experiment.state = { status: "failed", reason: refused };
      else if (!instances.every(isSpot))
        experiment.state = { status: "failed", reason: "Target resolution returned empty set" };
      if (experiment.state.status === "failed") return;
      experiment.state = { status: "running" };
      for (const instance of instances) interrupt(instance, minutes * 60);
      await jobs.sleep(minutes * 60_000);
      experiment.state = { status: "completed", reason: "Experiment completed." };
    });
    return experiment;
  }

  /** Why the role does not do for this instance, in FIS's manner of speaking. */
  #refusal(roleArn: string, instanceArn: string): string | undefined {
    const { entities, sessions, authorizer, clock } = this.#options.iam;
    const role = [...entities.roles.values()].find((r) => r.arn === roleArn);
    const known = role !== undefined && clock.now() >= role.created.getTime() + this.propagationMs;
    const trusts = role?.trust.policy.statements.some(
      (s) => s.effect === "Allow" && s.principals?.values.Service?.includes("fis.amazonaws.com"),
    );
    if (role === undefined || !known || !trusts)
      return "Unable to assume role. Check the trust policy of it.";
    const of = { roleId: role.id, roleName: role.name, sessionName: "fis", seconds: 3600 };
    const session = sessions.issue(of);
    const needed = { action: "ec2:SendSpotInstanceInterruptions", resource: instanceArn, context: {} };
    const denial = authorizer.decide(needed, session, role);
    return denial === undefined ? undefined : `Not authorized to perform ${needed.action} on ${instanceArn}.`;
  }
}

function checkTemplate({ actions, targets }: Pick<Template, "actions" | "targets">): void {
  for (const { actionId, parameters, targets: uses } of Object.values(actions)) {
    if (actionId !== ACTION) throw invalid(`The action ${actionId} is not modelled.`);
    const minutes = Number(/^PT(\d+)M$/.exec(parameters?.durationBeforeInterruption ?? "")?.[1]);
    if (!(minutes >= 2 && minutes <= 15)) throw invalid("durationBeforeInterruption: 2 to 15 minutes.");
    if (targets?.[uses?.SpotInstances ?? ""]?.resourceType !== "aws:ec2:spot-instance")
      throw invalid("The action needs the target SpotInstances.");
  }
}

const summary = ({ id, tags }: Template) => ({ id, tags });
const idOf = (kind: string): string => `${kind}${randomBytes(8).toString("hex")}`;
const notFound = (message: string): AwsError => new AwsError("ResourceNotFoundException", message, 404);
const invalid = (message: string): AwsError => new AwsError("ValidationException", message, 400);
