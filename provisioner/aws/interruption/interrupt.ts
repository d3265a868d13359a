/** A spot interruption with AWS's own notice, by the Fault Injection Service (FIS). */
import type { Clock } from "../../../agent/site/clock.ts";
import { EverspotError, messageOf } from "../../../agent/site/errors.ts";
import { poll } from "../../../agent/site/poll.ts";
import { type PolicyDocument, usedBy } from "../../wanted/policy.ts";
import type { Aws } from "../connect.ts";

/** Seconds for FIS to learn from IAM of a role that was just made, and to begin. */
const BEGIN_SECONDS = 90;
const AGAIN_SECONDS = 5;

export const drillTrust: PolicyDocument = {
  Version: "2012-10-17",
  Statement: [usedBy("fis.amazonaws.com")],
};

/** AWS FIS User Guide, "aws:ec2:send-spot-instance-interruptions". Describing takes no resource. */
export const drillPolicy = (instanceArn: string): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Action: "ec2:SendSpotInstanceInterruptions", Resource: instanceArn },
    { Effect: "Allow", Action: "ec2:DescribeInstances", Resource: "*" },
  ],
});

type Parts = Pick<Aws, "fis" | "drillRole" | "caller" | "partition">;

/**
 * Makes a role and an experiment for this drill alone and starts it. Resolves when FIS has sent the notice. FIS uses
 * the role until the instance is gone; `clearInterruption` takes both away.
 * @throws EverspotError when FIS does not do it.
 */
export async function interrupt(
  aws: Parts,
  instance: string,
  { region, clock, signal }: { region: string; clock: Clock; signal: AbortSignal },
): Promise<void> {
  const { fis, drillRole, caller, partition } = aws;
  const instanceArn = `arn:${partition}:ec2:${region}:${caller.account}:instance/${instance}`;
  await drillRole.create(drillTrust, drillPolicy(instanceArn));
  let template: string | undefined;
  let experiment: string | undefined;
  await poll(
    "the Fault Injection Service does not start the experiment",
    async () => {
      try {
        template ??= await fis.createTemplate({ instanceArn, roleArn: drillRole.arn });
        experiment ??= await fis.start(template);
      } catch (error) {
        if (aboutRole(messageOf(error))) return { waiting: messageOf(error) };
        throw error;
      }
      const { status, reason } = await fis.experiment(experiment);
      if (status === "running" || status === "completed") return { done: true };
      if (status === "pending" || status === "initiating") return { waiting: status };
      const said = `${status}${reason === undefined ? "" : `: ${reason}`}`;
      if (!aboutRole(said)) throw new EverspotError(`the Fault Injection Service: ${said}`);
      experiment = undefined;
      return { waiting: said };
    },
    { seconds: BEGIN_SECONDS, everySeconds: AGAIN_SECONDS, clock, signal },
  );
}

/** A new role takes some seconds until FIS may assume it. */
const aboutRole = (said: string): boolean =>
  /assum|\brole\b/i.test(said) && !/not authorized to perform: (iam|fis)/i.test(said);

/** Removes what a drill made, even one that was killed. Idempotent. */
export async function clearInterruption({ fis, drillRole }: Pick<Aws, "fis" | "drillRole">): Promise<void> {
  // An experiment is made after the role and goes before it.
  if (!(await drillRole.exists())) return;
  for (const template of await fis.templates()) await fis.deleteTemplate(template);
  await drillRole.delete();
}
