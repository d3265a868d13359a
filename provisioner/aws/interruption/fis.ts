/** AWS Fault Injection Service, as far as a drill goes: sends a spot instance the notice that AWS itself sends. */
import * as z from "zod";
import { SITE_TAG } from "../../../agent/site/names.ts";
import { ignoring, named } from "../errors.ts";
import type { SignedJson } from "../signed-json.ts";

/** The state of an experiment. `reason`: in FIS's words. */
export interface Experiment {
  status: string;
  reason: string | undefined;
}

export interface Fis {
  /** Makes an experiment, which by itself costs nothing. @returns its id. */
  createTemplate(what: { instanceArn: string; roleArn: string }): Promise<string>;
  /** Ids of the site's templates. */
  templates(): Promise<string[]>;
  /** If it is gone already, that is no error. */
  deleteTemplate(id: string): Promise<void>;
  /** @returns the experiment's id. */
  start(template: string): Promise<string>;
  experiment(id: string): Promise<Experiment>;
}

/** FIS accepts 2 to 15 minutes; AWS's own notice is 2. The rebalance recommendation comes at once. */
export const NOTICE_SECONDS = 120;

const template = z.object({ experimentTemplate: z.object({ id: z.string() }) });
const templates = z.object({
  experimentTemplates: z.array(
    z.object({ id: z.string(), tags: z.record(z.string(), z.string()).optional() }),
  ),
  nextToken: z.string().nullish(),
});
const experiment = z.object({
  experiment: z.object({
    id: z.string(),
    state: z.object({ status: z.string(), reason: z.string().nullish() }),
  }),
});

/**
 * Paths and shapes: AWS FIS API Reference, 2020-12-01. The action, its target and the permissions of its role: AWS FIS
 * User Guide, "aws:ec2:send-spot-instance-interruptions".
 */
export function createFis(call: SignedJson, site: string): Fis {
  const tags = { [SITE_TAG]: site };
  return {
    createTemplate: ({ instanceArn, roleArn }) =>
      named("making an experiment of the Fault Injection Service", async () => {
        const made = await call("POST", "/experimentTemplates", {
          description: `everspot drill of ${site}`,
          stopConditions: [{ source: "none" }],
          targets: {
            owner: {
              resourceType: "aws:ec2:spot-instance",
              resourceArns: [instanceArn],
              selectionMode: "ALL",
            },
          },
          actions: {
            interrupt: {
              actionId: "aws:ec2:send-spot-instance-interruptions",
              parameters: { durationBeforeInterruption: `PT${NOTICE_SECONDS / 60}M` },
              targets: { SpotInstances: "owner" },
            },
          },
          roleArn,
          tags,
        });
        return template.parse(made).experimentTemplate.id;
      }),
    templates: () =>
      named("looking at the experiments of the Fault Injection Service", async () => {
        const found: string[] = [];
        let next = "";
        do {
          const page = templates.parse(await call("GET", `/experimentTemplates${next}`));
          found.push(...page.experimentTemplates.filter((t) => t.tags?.[SITE_TAG] === site).map((t) => t.id));
          next = page.nextToken ? `?nextToken=${encodeURIComponent(page.nextToken)}` : "";
        } while (next !== "");
        return found;
      }),
    deleteTemplate: (id) =>
      named("deleting the experiment", async () => {
        await call("DELETE", `/experimentTemplates/${id}`).catch(ignoring("ResourceNotFound"));
      }),
    start: (experimentTemplateId) =>
      named("starting the experiment", async () => {
        const started = await call("POST", "/experiments", { experimentTemplateId, tags });
        return experiment.parse(started).experiment.id;
      }),
    experiment: (id) =>
      named("looking at the experiment", async () => {
        const { state } = experiment.parse(await call("GET", `/experiments/${id}`)).experiment;
        return { status: state.status, reason: state.reason ?? undefined };
      }),
  };
}
