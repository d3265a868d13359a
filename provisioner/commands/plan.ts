import { type Aws, connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { refuseProject } from "../findings/unpackable.ts";
import type { Terminal } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { describeUp } from "../plan/actions.ts";
import { renderBill } from "../plan/bill.ts";
import { refuse, warningsOf } from "../plan/findings.ts";
import { describeDue, dueJobs } from "../plan/jobs.ts";
import { type Plan, planOf } from "../plan/plan.ts";
import { type Survey, survey } from "../seen/survey.ts";
import { movingIn } from "./data/move-in.ts";
import { FirstRelease } from "./first-release.ts";
import type { ProjectTools } from "./project-tools.ts";

export interface PlanOptions {
  refreshImage: boolean;
  /** Whether the release is packed that `up` would publish. */
  pack: boolean;
}

/** How many are shown of each job. */
const NEXT_TIMES = 3;

/** `everspot plan`: what `up` would do, and what the site costs. Changes nothing. */
export async function runPlan(config: SiteConfig, tools: ProjectTools, options: PlanOptions): Promise<void> {
  const { terminal } = tools;
  const aws = await connect(config, tools.clock);
  const first = new FirstRelease(config, tools);
  try {
    const found = await look(config, aws, tools, options);
    const plan = planOf(config, found);
    for (const warning of warningsOf(plan.findings)) terminal.warn(warning);
    const moving = await movingIn(config, aws, found.seen);
    if (moving !== undefined) terminal.warn(moving);
    const { findings: project, packing } =
      options.pack && plan.change !== undefined
        ? await first.ready(plan.change, aws.secrets)
        : { findings: [], packing: undefined };
    showPlan(terminal, config, aws, plan);
    const jobs = dueJobs(config, tools.clock.now(), NEXT_TIMES);
    if (jobs.length > 0) terminal.print("");
    for (const line of describeDue(jobs)) terminal.print(`  ${line}`);
    terminal.json({
      command: "plan",
      site: config.site,
      account: aws.caller.account,
      region: config.region,
      findings: plan.findings,
      project,
      actions: (plan.change?.actions ?? []).map((a) => ({ do: a.do, what: describeUp(a) })),
      bill: plan.bill,
      jobs,
    });
    refuse(config.site, plan.findings);
    // With all that was found besides.
    refuseProject(config.site, project, packing);
  } finally {
    await first.discard();
    aws.close();
  }
}

/** The survey, with a line about it: it takes a while when the agent's archive has to be made first. */
export async function look(
  config: SiteConfig,
  aws: Aws,
  tools: Tools,
  options: Pick<PlanOptions, "refreshImage">,
): Promise<Survey> {
  const { terminal, clock } = tools;
  const began = clock.now();
  terminal.begin("look at what is there");
  try {
    const found = await survey(config, aws, tools, { ...options, limits: true });
    terminal.done("look at what is there", (clock.now() - began) / 1000, undefined);
    return found;
  } catch (error) {
    terminal.failed("look at what is there", (clock.now() - began) / 1000);
    throw error;
  }
}

export function showPlan(
  terminal: Terminal,
  config: SiteConfig,
  { caller }: Pick<Aws, "caller">,
  { change, bill }: Plan,
): void {
  const { style } = terminal;
  const where = `${config.region}, account ${caller.account}`;
  terminal.print(style.bold(`${config.site} at https://${config.domain} in ${where}`));
  if (change !== undefined) {
    const { actions } = change;
    terminal.print(actions.length === 0 ? "nothing to do: the site matches everspot.toml" : "to do:");
    for (const action of actions) terminal.print(`  ${describeUp(action)}`);
  }
  terminal.print("");
  for (const line of renderBill(bill)) terminal.print(`  ${line}`);
}
