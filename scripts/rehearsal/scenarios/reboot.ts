import {
  DescribeFleetsCommand,
  EC2Client,
  ModifyFleetCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceStopped,
} from "@aws-sdk/client-ec2";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";
import type { Visitor } from "../visitors.ts";

const BACK_SECONDS = 150;

export const reboot: Scenario = {
  name: "reboot",
  about: "the instance reboots; another is stopped and started with a new address: each comes back by itself",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const { endpoint, region } = rehearsal.cloud;
    const ec2 = new EC2Client({ endpoint, region });
    const visitor = rehearsal.visit({ name: "every 50 ms" });
    if ((await visitor.first((s) => !failed(s), 30)) === undefined) throw new Error("no answer");

    const first = await rehearsal.owner();
    const before = await rehearsal.state();
    rehearsal.moment(`${first} reboots`);
    await measure(rehearsal, result, visitor, "reboot", async () => {
      await ec2.send(new RebootInstancesCommand({ InstanceIds: [first] }));
    });
    const after = await rehearsal.state();
    rehearsal.check(after?.owner === first, `${first} still owns the site, ${after?.owner} does`);
    rehearsal.check(after?.epoch === before?.epoch, "a reboot is no change of owner");

    const second = await byHand(rehearsal, ec2);
    await rehearsal.bootOfOwner(first, BACK_SECONDS);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [first] }));
    const old = (await rehearsal.state())?.address;
    rehearsal.moment(`${second} at ${old} is stopped and started`);
    await measure(rehearsal, result, visitor, "stop and start", async () => {
      await ec2.send(new StopInstancesCommand({ InstanceIds: [second] }));
      await waitUntilInstanceStopped(
        { client: ec2, maxWaitTime: 90, minDelay: 1, maxDelay: 2 },
        { InstanceIds: [second] },
      );
      await ec2.send(new StartInstancesCommand({ InstanceIds: [second] }));
    });
    const now = await rehearsal.state();
    rehearsal.check(now?.owner === second, `${second} owns the site, ${now?.owner} does`);
    rehearsal.check(now?.address !== old, `it has a new address, ${now?.address}`);
    rehearsal.moment(`${second} serves at ${now?.address}`);
    await visitor.stop();
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

/** How long the visitor was without the site. */
async function measure(
  rehearsal: Rehearsal,
  result: Result,
  visitor: Visitor,
  what: string,
  act: () => Promise<void>,
): Promise<void> {
  const started = Date.now();
  await act();
  const gone = await visitor.first((s) => s.at > started && failed(s), 60);
  if (gone === undefined) throw new Error(`${what}: the site answers all the time`);
  const back = await visitor.first((s) => s.at > gone.at && !failed(s), BACK_SECONDS);
  if (back === undefined) throw new Error(`${what}: the site is not back after ${BACK_SECONDS} s`);
  const seconds = Math.round((back.at - gone.at) / 100) / 10;
  result.figures = { ...result.figures, [`${what}: seconds without the site`]: seconds };
  rehearsal.moment(`${what}: the site is back after ${seconds} s`);
}

/** Spot instances of a fleet cannot be stopped: an on-demand one of the site's template, and a fleet that wants none. */
async function byHand(rehearsal: Rehearsal, ec2: EC2Client): Promise<string> {
  const { Fleets } = await ec2.send(new DescribeFleetsCommand({}));
  const fleet = Fleets?.[0];
  const configured = fleet?.LaunchTemplateConfigs?.[0];
  const { LaunchTemplateId, Version } = configured?.LaunchTemplateSpecification ?? {};
  const pool = configured?.Overrides?.[0];
  if (fleet?.FleetId === undefined || LaunchTemplateId === undefined || pool?.SubnetId === undefined) {
    throw new Error("the site has no fleet with a template and a pool");
  }
  await ec2.send(
    new ModifyFleetCommand({
      FleetId: fleet.FleetId,
      ExcessCapacityTerminationPolicy: "no-termination",
      TargetCapacitySpecification: { TotalTargetCapacity: 0 },
    }),
  );
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      MinCount: 1,
      MaxCount: 1,
      LaunchTemplate: { LaunchTemplateId, Version },
      InstanceType: pool.InstanceType,
      NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: pool.SubnetId, AssociatePublicIpAddress: true }],
    }),
  );
  const instance = Instances?.[0]?.InstanceId ?? "";
  rehearsal.moment(`${instance} is launched on demand`);
  return instance;
}
